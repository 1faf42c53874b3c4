//! What a state holds, as a digest.

use std::fmt::Write as _;

use consul_watch_actors::Snapshot;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Fields that only say when something was written.
const INDEXES: [&str; 3] = ["CreateIndex", "ModifyIndex", "LockIndex"];

/// The digest of a snapshot's content, whatever order its entries are in.
pub(super) fn of<S: Snapshot>(snapshot: &S) -> String
where
    S::Item: Serialize,
{
    let mut entries: Vec<_> = snapshot.items().iter().map(|item| entry(&**item)).collect();
    entries.sort_unstable();
    let mut all = Sha256::new();
    for entry in entries {
        all.update(entry);
    }
    all.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn entry<I: Serialize>(item: &I) -> [u8; 32] {
    // What cannot be JSON never was: our values all came from it.
    let mut json = serde_json::to_value(item).unwrap_or_default();
    leave_out_indexes(&mut json);
    Sha256::digest(json.to_string()).into()
}

fn leave_out_indexes(json: &mut Value) {
    match json {
        Value::Object(fields) => {
            fields.retain(|name, _| !INDEXES.contains(&name.as_str()));
            fields.values_mut().for_each(leave_out_indexes);
        }
        Value::Array(entries) => entries.iter_mut().for_each(leave_out_indexes),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::kv::KvPair;

    fn pair(key: &str, value: &'static str, index: u64) -> Arc<KvPair> {
        Arc::new(KvPair {
            key: key.to_owned(),
            value: Some(value.into()),
            lock_index: 0,
            flags: 0,
            session: None,
            create_index: index,
            modify_index: index,
            ..KvPair::default()
        })
    }

    #[test]
    fn content_counts_and_indexes_and_order_do_not() {
        let seen = of(&vec![pair("a", "1", 1), pair("b", "2", 1)]);
        assert_eq!(seen, of(&vec![pair("b", "2", 9), pair("a", "1", 8)]));
        assert_ne!(seen, of(&vec![pair("a", "1", 1), pair("b", "3", 1)]));
        assert_ne!(seen, of(&vec![pair("a", "1", 1)]));
        assert_ne!(seen, of(&Vec::<Arc<KvPair>>::new()));
    }
}
