//! `consul-watch kv import`.

use consul_watch::{KvStore, kv::PutOptions};

use super::{
    arguments::ImportArguments, base64, data, entries::entries, error::KvFailure,
    key_name::unaddressable,
};
use crate::cli::stdout::print;

pub(super) async fn run(arguments: ImportArguments) -> Result<(), KvFailure> {
    let operand = match &arguments.operands[..] {
        [] => return usage("Error! Missing DATA argument".to_owned()),
        [one] if one.is_empty() => return usage("Error! Empty DATA argument".to_owned()),
        [one] => one,
        more => {
            let text = KvFailure::too_many("1", more.len());
            return usage(format!("Error! {text}"));
        }
    };
    let data = data::read(operand)?;
    let config = arguments
        .connect
        .command_config()
        .map_err(KvFailure::Connect)?;
    let entries = entries(&data)
        .map_err(|reason| KvFailure::Usage(format!("Cannot unmarshal data: {reason}")))?;
    let prefix = arguments.prefix.unwrap_or_default();
    let common = KvStore::connect(&config).map_err(KvFailure::Connect)?;
    for entry in entries {
        let value = base64::decode(entry.value.as_bytes()).map_err(|reason| {
            let key = &entry.key;
            KvFailure::Usage(format!(
                "Error base 64 decoding value for key {key}: {reason}"
            ))
        })?;
        let key = joined(&prefix, &entry.key);
        let failed = format!("Error! Failed writing data for key {key}");
        if let Some(reason) = unaddressable(&key) {
            // The name may have line breaks.
            let key = key.escape_debug();
            return usage(format!(
                "Error! Failed writing data for key {key}: {reason}"
            ));
        }
        let own = (!entry.namespace.is_empty())
            .then(|| KvStore::connect(&config.clone().with_namespace(&entry.namespace)))
            .transpose()
            .map_err(KvFailure::Connect)?;
        let options = PutOptions::default().with_flags(entry.flags);
        let written = own
            .as_ref()
            .unwrap_or(&common)
            .put_with(&key, value, &options)
            .await;
        if !written.map_err(KvFailure::call(failed.clone()))? {
            let text = format!("{failed}: Consul gave no reason; try again");
            return Err(KvFailure::NotDone(text));
        }
        print::<KvFailure>(|out| writeln!(out, "Imported: {key}"))?;
    }
    Ok(())
}

fn usage(text: String) -> Result<(), KvFailure> {
    Err(KvFailure::Usage(text))
}

/// Puts the folder in front of a name.
fn joined(prefix: &str, key: &str) -> String {
    if prefix.is_empty() {
        key.to_owned()
    } else {
        let (prefix, key) = (prefix.trim_end_matches('/'), key.trim_start_matches('/'));
        format!("{prefix}/{key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_folder() {
        assert_eq!(joined("", "a/"), "a/");
        assert_eq!(joined("p", "a"), "p/a");
        assert_eq!(joined("p/", "/a/"), "p/a/");
    }
}
