//! `consul-watch kv import`.

use consul_watch::{KvStore, kv::PutOptions};
use serde_json::{Map, Value};

use super::{arguments::ImportArguments, base64, data, error::KvFailure, key_name::unaddressable};
use crate::cli::stdout::print;

/// An entry of the JSON.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    key: String,
    flags: u64,
    value: String,
    namespace: String,
}

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
            return usage(format!("Error! Failed writing data: {reason}"));
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

/// Reads the entries. As in Go, names of fields have any case, other fields are passed over, and `null` is nothing.
fn entries(data: &[u8]) -> Result<Vec<Entry>, String> {
    let json: Value = serde_json::from_slice(data)
        .map_err(|error| format!("invalid JSON in line {}", error.line()))?;
    match json {
        Value::Null => Ok(Vec::new()),
        Value::Array(list) => list
            .into_iter()
            .enumerate()
            .map(|(at, entry)| match entry {
                Value::Object(fields) => of(fields).map_err(|reason| format!("[{at}].{reason}")),
                _ => Err(format!("[{at}] is not an object")),
            })
            .collect(),
        _ => Err("it is not a list".to_owned()),
    }
}

fn of(fields: Map<String, Value>) -> Result<Entry, String> {
    let mut entry = Entry {
        key: String::new(),
        flags: 0,
        value: String::new(),
        namespace: String::new(),
    };
    for (name, value) in fields {
        let name = name.to_lowercase();
        match (&*name, value) {
            ("key", Value::String(text)) => entry.key = text,
            ("value", Value::String(text)) => entry.value = text,
            ("namespace", Value::String(text)) => entry.namespace = text,
            ("flags", Value::Number(number)) => {
                entry.flags = number
                    .as_u64()
                    .ok_or("flags is not a whole number of at least 0")?;
            }
            ("key" | "value" | "namespace" | "flags", Value::Null) => {}
            ("key" | "value" | "namespace", _) => return Err(format!("{name} is not a string")),
            ("flags", _) => return Err("flags is not a number".to_owned()),
            _ => {}
        }
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_by_go() {
        let text = br#"[{"Key": "a", "FLAGS": 7, "value": "MQ==", "partition": "p", "x": []}, {"key": null}]"#;
        let read = entries(text).unwrap();
        assert_eq!(
            (&*read[0].key, read[0].flags, &*read[0].value),
            ("a", 7, "MQ==")
        );
        assert_eq!(read[1].key, "");
        assert_eq!(entries(b"null").unwrap(), []);
        for (text, reason) in [
            (&b"{}"[..], "it is not a list"),
            (b"[1]", "[0] is not an object"),
            (b"[{\"flags\": -1}]", "[0].flags is not a whole number"),
            (b"[{\"key\": 1}]", "[0].key is not a string"),
            (b"[\n", "line 2"),
        ] {
            let found = entries(text).unwrap_err();
            assert!(found.contains(reason), "{found}");
        }
    }

    #[test]
    fn a_prefix_is_a_folder() {
        assert_eq!(joined("", "a/"), "a/");
        assert_eq!(joined("p", "a"), "p/a");
        assert_eq!(joined("p/", "/a/"), "p/a/");
    }
}
