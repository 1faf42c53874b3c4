//! `consul-watch kv export`.

use consul_watch::kv::KvPair;
use serde::Serialize;
use serde_json::ser::PrettyFormatter;

use super::{
    arguments::ExportArguments, base64, cleaned::as_named_or_cleaned, error::KvFailure,
    key_or_prefix, store,
};
use crate::cli::stdout::print;

/// An entry, with the fields and their order as `consul kv export` has them.
#[derive(Serialize)]
struct Entry<'a> {
    key: &'a str,
    flags: u64,
    value: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    partition: &'a str,
}

pub(super) async fn run(arguments: ExportArguments) -> Result<(), KvFailure> {
    let prefix = key_or_prefix(&arguments.operands)?.unwrap_or_default();
    let store = store(&arguments.connect)?;
    let pairs = async |prefix: String| store.list_prefix(&prefix).await;
    let pairs = as_named_or_cleaned(&prefix, pairs, |pairs| pairs.is_empty()).await?;
    let json = json(&pairs)
        .map_err(|error| KvFailure::Usage(format!("Error exporting KV data: {error}")))?;
    print(|out| writeln!(out, "{json}"))
}

fn json(pairs: &[KvPair]) -> serde_json::Result<String> {
    let entries: Vec<_> = pairs
        .iter()
        .map(|pair| Entry {
            key: &pair.key,
            flags: pair.flags,
            value: base64::encode(pair.value.as_deref().unwrap_or_default()),
            namespace: &pair.namespace,
            partition: &pair.partition,
        })
        .collect();
    let mut out = Vec::new();
    let formatter = PrettyFormatter::with_indent(b"\t");
    entries.serialize(&mut serde_json::Serializer::with_formatter(
        &mut out, formatter,
    ))?;
    let mut text = String::from_utf8_lossy(&out).into_owned();
    // Go escapes these in strings, and JSON has them nowhere else.
    for character in ['<', '>', '&', '\u{2028}', '\u{2029}'] {
        if text.contains(character) {
            let escaped = format!("\\u{:04x}", u32::from(character));
            text = text.replace(character, &escaped);
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_that_of_consul() {
        assert_eq!(json(&[]).unwrap(), "[]");
        let pair = KvPair {
            key: "a<b".to_owned(),
            ..KvPair::default()
        };
        assert_eq!(
            json(&[pair]).unwrap(),
            "[\n\t{\n\t\t\"key\": \"a\\u003cb\",\n\t\t\"flags\": 0,\n\t\t\"value\": \"\"\n\t}\n]"
        );
    }
}
