//! Reads the JSON that `kv export` prints.

use std::{fmt, str};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// An entry of the JSON.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) flags: u64,
    pub(super) value: String,
    pub(super) namespace: String,
}

/// Reads the entries. As in Go, names of fields have any case, other fields are passed over however deep they are, and
/// `null` is nothing. A byte-order mark, which editors on Windows write, is passed over, too.
pub(super) fn entries(data: &[u8]) -> Result<Vec<Entry>, String> {
    let data = data.strip_prefix(BYTE_ORDER_MARK).unwrap_or(data);
    let text = str::from_utf8(data).map_err(|error| {
        let (line, column) = place(&data[..error.valid_up_to()]);
        format!(
            "line {line}, column {column} is not UTF-8, and a name would become another; save the JSON as UTF-8"
        )
    })?;
    if text.trim_ascii().is_empty() {
        return Err("it is empty; give the JSON that `kv export` prints".to_owned());
    }
    let whole: &RawValue = parsed(text, text)?;
    if whole.get() == "null" {
        return Ok(Vec::new());
    }
    if !whole.get().starts_with('[') {
        return Err("it is not a list".to_owned());
    }
    let list: Vec<&RawValue> = parsed(text, whole.get())?;
    list.into_iter()
        .enumerate()
        .map(|(at, entry)| {
            if !entry.get().starts_with('{') {
                return Err(format!("[{at}] is not an object"));
            }
            let Fields(fields) = parsed(text, entry.get())?;
            of(text, fields).map_err(|reason| format!("[{at}].{reason}"))
        })
        .collect()
}

fn of(text: &str, fields: Vec<(String, &RawValue)>) -> Result<Entry, String> {
    let mut entry = Entry::default();
    for (name, raw) in fields {
        let name = name.to_lowercase();
        if !matches!(&*name, "key" | "value" | "namespace" | "flags") || raw.get() == "null" {
            continue;
        }
        if name == "flags" {
            let is_number =
                |raw: &str| raw.starts_with(|first: char| "-0123456789".contains(first));
            entry.flags = raw.get().parse().map_err(|_| {
                if is_number(raw.get()) {
                    "flags is not a whole number of at least 0"
                } else {
                    "flags is not a number"
                }
            })?;
            continue;
        }
        if !raw.get().starts_with('"') {
            return Err(format!("{name} is not a string"));
        }
        let value: String =
            parsed(text, raw.get()).map_err(|reason| format!("{name}: {reason}"))?;
        match &*name {
            "key" => entry.key = value,
            "value" => entry.value = value,
            _ => entry.namespace = value,
        }
    }
    Ok(entry)
}

/// The fields of an object in their order, whose values are not read.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// Reads a part of the text. The error has the place in the whole, the reason and no data.
fn parsed<'a, T: Deserialize<'a>>(text: &'a str, part: &'a str) -> Result<T, String> {
    serde_json::from_str(part).map_err(|error| {
        // The part lies in the text.
        let start = part.as_ptr() as usize - text.as_ptr() as usize;
        let (line, column) = place(&text.as_bytes()[..start + before(part, &error)]);
        let told = error.to_string();
        let reason = told.split(" at line ").next().unwrap_or_default();
        format!("invalid JSON in line {line}, column {column}: {reason}; correct it")
    })
}

/// Returns the number of bytes in front of the one at which the parser gave up.
fn before(text: &str, error: &serde_json::Error) -> usize {
    let lines = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1));
    let start: usize = lines.map(str::len).sum();
    (start + error.column().saturating_sub(1)).min(text.len())
}

/// Returns the line, and the character of it, that follow these bytes.
fn place(before: &[u8]) -> (usize, usize) {
    let mut lines = before.split(|byte| *byte == b'\n');
    let last = lines.next_back().unwrap_or_default();
    let column = String::from_utf8_lossy(last).chars().count() + 1;
    (lines.count() + 1, column)
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
        assert_eq!(entries(b" null\n").unwrap(), []);
        let twice = entries(br#"[{"key": "a", "KEY": "b"}, {"KEY": "b", "key": "a"}]"#).unwrap();
        assert_eq!((&*twice[0].key, &*twice[1].key), ("b", "a"));
        let deep = format!(
            r#"[{{"key": "a", "x": {}1{}}}]"#,
            "[".repeat(9000),
            "]".repeat(9000)
        );
        assert_eq!(entries(deep.as_bytes()).unwrap()[0].key, "a");
        let marked = "\u{feff}[{\"key\": \"a\"}]";
        assert_eq!(entries(marked.as_bytes()).unwrap()[0].key, "a");
    }

    #[test]
    fn errors_have_their_place_and_reason() {
        for (text, reason) in [
            (&b""[..], "it is empty"),
            (b" \n", "it is empty"),
            (b"\xef\xbb\xbf", "it is empty"),
            (b"{}", "it is not a list"),
            (b"[1]", "[0] is not an object"),
            (b"[{\"flags\": -1}]", "[0].flags is not a whole number"),
            (b"[{\"flags\": true}]", "[0].flags is not a number"),
            (b"[{\"key\": 1}]", "[0].key is not a string"),
            (b"[{\"key\": [[]]}]", "[0].key is not a string"),
            (b"[\n", "line 2, column 1: EOF while parsing a list"),
            (b"x", "line 1, column 1: expected value"),
            (b"[]\n x", "line 2, column 2: trailing characters"),
            (
                "[\n{\"ä\": 1 \"x\": 2}]".as_bytes(),
                "line 2, column 9: expected `,` or `}`",
            ),
            (b"[{\"a\": 1},\n {\"b\"}]", "line 2, column 6: expected `:`"),
            (
                b"[{\"a\": 1},\n {\"key\": \"\\ud800\"}]",
                "line 2, column 17: ",
            ),
            (b"[{\n\"k\xff\": 1}]", "line 2, column 3 is not UTF-8"),
        ] {
            let found = entries(text).unwrap_err();
            assert!(found.contains(reason), "{text:?}: {found}");
        }
    }
}
