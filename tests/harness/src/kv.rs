//! Consul's KV store, with the calls that tests need.

use std::fmt::Write as _;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::http::{Http, HttpReply};

/// One key in Consul.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvEntry {
    /// The full key.
    pub key: String,
    /// The value; empty if Consul has none.
    pub value: Vec<u8>,
    /// The index of the write that created the key.
    pub create_index: u64,
    /// The index of the last write to the key.
    pub modify_index: u64,
}

impl Http {
    /// Writes a key.
    ///
    /// # Errors
    ///
    /// When Consul cannot be reached or refuses.
    pub fn try_put(&self, key: &str, value: &[u8]) -> io::Result<()> {
        match kv_path(key) {
            Some(path) => self.write("PUT", &path, value),
            None => self.txn("set", key, Some(value)).map(drop),
        }
    }

    /// Reads a key.
    ///
    /// # Errors
    ///
    /// When Consul cannot be reached or refuses.
    pub fn try_entry(&self, key: &str) -> io::Result<Option<KvEntry>> {
        match kv_path(key) {
            Some(path) => Ok(self.read(&path)?.pop()),
            // Unlike `get`, this is no error for a missing key.
            None => Ok(self
                .txn("get-tree", key, None)?
                .into_iter()
                .find(|entry| entry.key == key)),
        }
    }

    /// Reads every key that starts with `prefix`, in Consul's order.
    ///
    /// # Errors
    ///
    /// When Consul cannot be reached or refuses.
    pub fn try_list(&self, prefix: &str) -> io::Result<Vec<KvEntry>> {
        match kv_path(prefix) {
            Some(path) => self.read(&format!("{path}?recurse")),
            None => self.txn("get-tree", prefix, None),
        }
    }

    /// Deletes a key, whether it is there or not.
    ///
    /// # Errors
    ///
    /// When Consul cannot be reached or refuses.
    pub fn try_delete(&self, key: &str) -> io::Result<()> {
        match kv_path(key) {
            Some(path) => self.write("DELETE", &path, b""),
            None => self.txn("delete", key, None).map(drop),
        }
    }

    /// Returns whether Consul refuses a URL with this key for its name, as releases since 1.21.5 do for some.
    ///
    /// # Panics
    ///
    /// When Consul cannot be reached.
    #[track_caller]
    pub fn refuses_name(&self, key: &str) -> bool {
        direct_path(key).is_some_and(|path| {
            let reply = self.request("GET", &path, &[], b"");
            reply.status == 500 && reply.text().starts_with("invalid key name")
        })
    }

    /// Deletes every key that starts with `prefix`.
    ///
    /// # Errors
    ///
    /// When Consul cannot be reached or refuses.
    pub fn try_delete_tree(&self, prefix: &str) -> io::Result<()> {
        match kv_path(prefix) {
            Some(path) => self.write("DELETE", &format!("{path}?recurse"), b""),
            None => self.txn("delete-tree", prefix, None).map(drop),
        }
    }

    /// Writes a key.
    ///
    /// # Panics
    ///
    /// When Consul cannot be reached or refuses.
    #[track_caller]
    pub fn put(&self, key: &str, value: impl AsRef<[u8]>) {
        done("put", key, self.try_put(key, value.as_ref()));
    }

    /// Reads a key: its value and the index of its last write.
    ///
    /// # Panics
    ///
    /// When Consul cannot be reached or refuses.
    #[track_caller]
    pub fn get(&self, key: &str) -> Option<(Vec<u8>, u64)> {
        self.entry(key)
            .map(|entry| (entry.value, entry.modify_index))
    }

    /// Reads a key with its indexes.
    ///
    /// # Panics
    ///
    /// When Consul cannot be reached or refuses.
    #[track_caller]
    pub fn entry(&self, key: &str) -> Option<KvEntry> {
        done("get", key, self.try_entry(key))
    }

    /// Reads every key that starts with `prefix`, in Consul's order.
    ///
    /// # Panics
    ///
    /// When Consul cannot be reached or refuses.
    #[track_caller]
    pub fn list(&self, prefix: &str) -> Vec<KvEntry> {
        done("list", prefix, self.try_list(prefix))
    }

    /// Deletes a key, whether it is there or not.
    ///
    /// # Panics
    ///
    /// When Consul cannot be reached or refuses.
    #[track_caller]
    pub fn delete(&self, key: &str) {
        done("delete", key, self.try_delete(key));
    }

    /// Deletes every key that starts with `prefix`.
    ///
    /// # Panics
    ///
    /// When Consul cannot be reached or refuses.
    #[track_caller]
    pub fn delete_tree(&self, prefix: &str) {
        done("delete the tree", prefix, self.try_delete_tree(prefix));
    }

    fn write(&self, method: &str, target: &str, value: &[u8]) -> io::Result<()> {
        let reply = self.try_request(method, target, &[], value)?;
        if reply.status == 200 && reply.body.starts_with(b"true") {
            Ok(())
        } else {
            Err(refused(&reply))
        }
    }

    fn read(&self, target: &str) -> io::Result<Vec<KvEntry>> {
        let reply = self.try_request("GET", target, &[], b"")?;
        match reply.status {
            200 => entries(&reply.body).ok_or_else(|| refused(&reply)),
            // A 404 with text is not an absent key but an absent endpoint.
            404 if reply.body.is_empty() => Ok(Vec::new()),
            _ => Err(refused(&reply)),
        }
    }

    fn txn(&self, verb: &str, key: &str, value: Option<&[u8]>) -> io::Result<Vec<KvEntry>> {
        let value = value.map(|value| STANDARD.encode(value));
        let operations = json!([{ "KV": { "Verb": verb, "Key": key, "Value": value } }]);
        let reply = self.try_request("PUT", "/v1/txn", &[], operations.to_string().as_bytes())?;
        if reply.status != 200 {
            return Err(refused(&reply));
        }
        let answer: Value = serde_json::from_slice(&reply.body)?;
        let results = answer["Results"].as_array().map_or(&[][..], Vec::as_slice);
        results
            .iter()
            .map(|result| entry(&result["KV"]))
            .collect::<Option<_>>()
            .ok_or_else(|| refused(&reply))
    }
}

#[track_caller]
fn done<T>(what: &str, key: &str, result: io::Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("cannot {what} {key:?}: {error}"),
    }
}

pub(crate) fn refused(reply: &HttpReply) -> io::Error {
    io::Error::other(format!(
        "Consul answered {}: {}",
        reply.status,
        reply.text().trim()
    ))
}

fn entries(json: &[u8]) -> Option<Vec<KvEntry>> {
    let pairs: Value = serde_json::from_slice(json).ok()?;
    pairs.as_array()?.iter().map(entry).collect()
}

fn entry(pair: &Value) -> Option<KvEntry> {
    let value = match &pair["Value"] {
        Value::Null => Vec::new(),
        value => STANDARD.decode(value.as_str()?).ok()?,
    };
    Some(KvEntry {
        key: pair["Key"].as_str()?.to_owned(),
        value,
        create_index: pair["CreateIndex"].as_u64()?,
        modify_index: pair["ModifyIndex"].as_u64()?,
    })
}

/// Returns the path of a key, percent-encoded; `None` for a key that has none: Consul normalizes `//`, `/./` and
/// `/../` in paths, encoded or not, and only a transaction takes such a key. The same holds for the names that
/// releases since 1.21.6 refuse.
fn kv_path(key: &str) -> Option<String> {
    if key.starts_with(' ') || key.ends_with(' ') || key.contains('%') {
        return None;
    }
    direct_path(key)
}

/// Returns the path of a key, percent-encoded, if a URL can carry it.
fn direct_path(key: &str) -> Option<String> {
    let mut segments = key.split('/').rev().enumerate();
    if segments
        .any(|(place, segment)| matches!(segment, "." | "..") || (segment.is_empty() && place > 0))
    {
        return None;
    }
    let mut path = String::from("/v1/kv/");
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~/".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_but_for_their_slashes() {
        assert_eq!(
            kv_path("a b/ü?#/x-1_~/").as_deref(),
            Some("/v1/kv/a%20b/%C3%BC%3F%23/x-1_~/")
        );
        assert_eq!(kv_path("").as_deref(), Some("/v1/kv/"));
        for untidy in ["a//b", "/", "/a", "a/./b", "..", "a/..", "a ", " a", "a%20"] {
            assert_eq!(kv_path(untidy), None, "{untidy}");
        }
    }

    #[test]
    fn a_null_value_is_empty_and_other_json_is_refused() {
        let one = br#"[{"Key":"a","Value":null,"CreateIndex":3,"ModifyIndex":4,"Flags":0,"LockIndex":0}]"#;
        let entry = KvEntry {
            key: "a".into(),
            value: vec![],
            create_index: 3,
            modify_index: 4,
        };
        assert_eq!(entries(one), Some(vec![entry]));
        assert_eq!(entries(br#"{"Key":"a"}"#), None);
        assert_eq!(entries(b"<html>"), None);
    }
}
