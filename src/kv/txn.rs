//! The part of the transaction API (<https://developer.hashicorp.com/consul/api-docs/txn>) that the KV store needs:
//! for keys that no URL can name, and to read or delete several keys at one instant.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::{
    pair::KvPair,
    put_options::{Condition, PutOptions},
};

/// The number of operations that Consul accepts in one transaction.
pub(super) const MAX_OPERATIONS: usize = 64;

/// One operation (<https://developer.hashicorp.com/consul/api-docs/txn#kv-operations>).
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Op<'a> {
    verb: &'static str,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flags: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
}

impl<'a> Op<'a> {
    fn new(verb: &'static str, key: &'a str) -> Self {
        Self {
            verb,
            key,
            value: None,
            flags: None,
            index: None,
            session: None,
        }
    }

    pub(super) fn get(key: &'a str) -> Self {
        Self::new("get", key)
    }

    /// Makes a write.
    pub(super) fn set(key: &'a str, value: &[u8], options: &'a PutOptions) -> Self {
        let (verb, index, session) = match &options.condition {
            None => ("set", None, None),
            Some(Condition::ModifyIndex(index)) => ("cas", Some(*index), None),
            Some(Condition::Acquire(session)) => ("lock", None, Some(session.as_str())),
            Some(Condition::Release(session)) => ("unlock", None, Some(session.as_str())),
        };
        Self {
            value: Some(STANDARD.encode(value)),
            flags: Some(options.flags).filter(|flags| *flags != 0),
            index,
            session,
            ..Self::new(verb, key)
        }
    }

    pub(super) fn delete(key: &'a str, cas: Option<u64>) -> Self {
        let verb = if cas.is_some() {
            "delete-cas"
        } else {
            "delete"
        };
        Self {
            index: cas,
            ..Self::new(verb, key)
        }
    }

    pub(super) fn delete_tree(prefix: &'a str) -> Self {
        Self::new("delete-tree", prefix)
    }
}

/// Returns the body of the request.
pub(super) fn body(ops: &[Op<'_>]) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Entry<'a, 'k> {
        #[serde(rename = "KV")]
        kv: &'a Op<'k>,
    }
    serde_json::to_vec(&ops.iter().map(|kv| Entry { kv }).collect::<Vec<_>>())
}

/// The body of the answer, of a transaction that was executed and of one that was rolled back.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TxnAnswer {
    #[serde(default)]
    results: Option<Vec<TxnResult>>,
    #[serde(default)]
    errors: Option<Vec<TxnError>>,
}

#[derive(Debug, Deserialize)]
struct TxnResult {
    #[serde(rename = "KV")]
    kv: Option<KvPair>,
}

/// The reason for which one operation made Consul roll all of them back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TxnError {
    #[serde(default)]
    pub(super) op_index: usize,
    #[serde(default)]
    pub(super) what: String,
}

impl TxnAnswer {
    /// Returns the pairs that were read, or the reasons of the rollback.
    pub(super) fn outcome(self) -> Result<Vec<KvPair>, Vec<TxnError>> {
        match self.errors {
            Some(errors) if !errors.is_empty() => Err(errors),
            _ => Ok(self
                .results
                .unwrap_or_default()
                .into_iter()
                .filter_map(|result| result.kv)
                .collect()),
        }
    }
}

/// The kind of a reason. Consul has texts for them and no codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TxnErrorKind {
    Absent,
    Stale,
    Denied,
    Other,
}

impl TxnError {
    pub(super) fn kind(&self) -> TxnErrorKind {
        if self.what.contains("doesn't exist") {
            TxnErrorKind::Absent
        } else if ["index is stale", "lock is already held", "lock isn't held"]
            .iter()
            .any(|text| self.what.contains(text))
        {
            TxnErrorKind::Stale
        } else if self.what.contains("Permission denied") {
            TxnErrorKind::Denied
        } else {
            TxnErrorKind::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_consuls() {
        let plain = PutOptions::default();
        let new = PutOptions::default().if_modify_index(0);
        let lock = PutOptions::default().with_flags(3).acquire("s");
        let ops = [
            Op::get("a"),
            Op::set("b", b"v", &plain),
            Op::set("c", b"", &new),
            Op::set("l", b"", &lock),
            Op::delete("d", None),
            Op::delete("e", Some(7)),
            Op::delete_tree("f/"),
        ];
        let expected = concat!(
            r#"[{"KV":{"Verb":"get","Key":"a"}},"#,
            r#"{"KV":{"Verb":"set","Key":"b","Value":"dg=="}},"#,
            r#"{"KV":{"Verb":"cas","Key":"c","Value":"","Index":0}},"#,
            r#"{"KV":{"Verb":"lock","Key":"l","Value":"","Flags":3,"Session":"s"}},"#,
            r#"{"KV":{"Verb":"delete","Key":"d"}},"#,
            r#"{"KV":{"Verb":"delete-cas","Key":"e","Index":7}},"#,
            r#"{"KV":{"Verb":"delete-tree","Key":"f/"}}]"#,
        );
        assert_eq!(body(&ops).expect("JSON"), expected.as_bytes());
    }

    #[test]
    fn answers_are_executed_or_rolled_back() {
        let done = r#"{"Results":[{"KV":{"LockIndex":0,"Key":"a","Flags":0,"Value":"dg==","CreateIndex":1,"ModifyIndex":2}}],"Errors":null,"Index":0}"#;
        let done: TxnAnswer = serde_json::from_str(done).expect("an answer");
        assert_eq!(done.outcome().expect("done")[0].key, "a");
        let back = r#"{"Results":null,"Errors":[{"OpIndex":1,"What":"key \"b\" doesn't exist"}]}"#;
        let back: TxnAnswer = serde_json::from_str(back).expect("an answer");
        let errors = back.outcome().expect_err("rolled back");
        assert_eq!(
            (errors[0].op_index, errors[0].kind()),
            (1, TxnErrorKind::Absent)
        );
    }

    #[test]
    fn kinds_are_distinguished() {
        let kind = |what: &str| {
            TxnError {
                op_index: 0,
                what: what.to_owned(),
            }
            .kind()
        };
        assert_eq!(
            kind("failed to set key \"a\", index is stale"),
            TxnErrorKind::Stale
        );
        assert_eq!(kind("Permission denied"), TxnErrorKind::Denied);
        assert_eq!(kind("unknown KV verb"), TxnErrorKind::Other);
    }
}
