//! The Transaction API, as far as the KV store needs it: for keys that no URL can carry, and to look at
//! several keys, or delete several, at one instant.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::pair::KvPair;

/// How many operations Consul takes in one transaction.
pub(super) const MOST: usize = 64;

/// One operation ("Transaction HTTP API", "KV Operations").
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Op<'a> {
    verb: &'static str,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
}

impl<'a> Op<'a> {
    pub(super) fn get(key: &'a str) -> Self {
        Self {
            verb: "get",
            key,
            value: None,
            index: None,
        }
    }

    /// `cas`: only if the key's `ModifyIndex` is this; 0: only if there is no such key.
    pub(super) fn set(key: &'a str, value: &[u8], cas: Option<u64>) -> Self {
        let verb = if cas.is_some() { "cas" } else { "set" };
        Self {
            verb,
            key,
            value: Some(STANDARD.encode(value)),
            index: cas,
        }
    }

    pub(super) fn delete(key: &'a str, cas: Option<u64>) -> Self {
        let verb = if cas.is_some() {
            "delete-cas"
        } else {
            "delete"
        };
        Self {
            verb,
            key,
            value: None,
            index: cas,
        }
    }

    pub(super) fn delete_tree(prefix: &'a str) -> Self {
        Self {
            verb: "delete-tree",
            key: prefix,
            value: None,
            index: None,
        }
    }
}

/// The body of the request.
pub(super) fn body(ops: &[Op<'_>]) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Entry<'a, 'k> {
        #[serde(rename = "KV")]
        kv: &'a Op<'k>,
    }
    serde_json::to_vec(&ops.iter().map(|kv| Entry { kv }).collect::<Vec<_>>())
}

/// The body of the answer, when it was done and when it was rolled back.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TxnAnswer {
    #[serde(default)]
    results: Option<Vec<TxnResult>>,
    #[serde(default)]
    errors: Option<Vec<TxnFault>>,
}

#[derive(Debug, Deserialize)]
struct TxnResult {
    #[serde(rename = "KV")]
    kv: Option<KvPair>,
}

/// Why one operation made Consul roll all of them back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TxnFault {
    #[serde(default)]
    pub(super) op_index: usize,
    #[serde(default)]
    pub(super) what: String,
}

impl TxnAnswer {
    /// What was read, or why nothing was done.
    pub(super) fn outcome(self) -> Result<Vec<KvPair>, Vec<TxnFault>> {
        match self.errors {
            Some(faults) if !faults.is_empty() => Err(faults),
            _ => Ok(self
                .results
                .unwrap_or_default()
                .into_iter()
                .filter_map(|result| result.kv)
                .collect()),
        }
    }
}

/// What a fault means. Consul has words for them and no codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultKind {
    Absent,
    Stale,
    Denied,
    Other,
}

impl TxnFault {
    pub(super) fn kind(&self) -> FaultKind {
        if self.what.contains("doesn't exist") {
            FaultKind::Absent
        } else if self.what.contains("index is stale") {
            FaultKind::Stale
        } else if self.what.contains("Permission denied") {
            FaultKind::Denied
        } else {
            FaultKind::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_consuls() {
        let ops = [
            Op::get("a"),
            Op::set("b", b"v", None),
            Op::set("c", b"", Some(0)),
            Op::delete("d", None),
            Op::delete("e", Some(7)),
            Op::delete_tree("f/"),
        ];
        let expected = concat!(
            r#"[{"KV":{"Verb":"get","Key":"a"}},"#,
            r#"{"KV":{"Verb":"set","Key":"b","Value":"dg=="}},"#,
            r#"{"KV":{"Verb":"cas","Key":"c","Value":"","Index":0}},"#,
            r#"{"KV":{"Verb":"delete","Key":"d"}},"#,
            r#"{"KV":{"Verb":"delete-cas","Key":"e","Index":7}},"#,
            r#"{"KV":{"Verb":"delete-tree","Key":"f/"}}]"#,
        );
        assert_eq!(body(&ops).expect("JSON"), expected.as_bytes());
    }

    #[test]
    fn answers_are_done_or_rolled_back() {
        let done = r#"{"Results":[{"KV":{"LockIndex":0,"Key":"a","Flags":0,"Value":"dg==","CreateIndex":1,"ModifyIndex":2}}],"Errors":null,"Index":0}"#;
        let done: TxnAnswer = serde_json::from_str(done).expect("an answer");
        assert_eq!(done.outcome().expect("done")[0].key, "a");
        let back = r#"{"Results":null,"Errors":[{"OpIndex":1,"What":"key \"b\" doesn't exist"}]}"#;
        let back: TxnAnswer = serde_json::from_str(back).expect("an answer");
        let faults = back.outcome().expect_err("rolled back");
        assert_eq!(
            (faults[0].op_index, faults[0].kind()),
            (1, FaultKind::Absent)
        );
    }

    #[test]
    fn faults_are_told_apart() {
        let kind = |what: &str| {
            TxnFault {
                op_index: 0,
                what: what.to_owned(),
            }
            .kind()
        };
        assert_eq!(
            kind("failed to set key \"a\", index is stale"),
            FaultKind::Stale
        );
        assert_eq!(kind("Permission denied"), FaultKind::Denied);
        assert_eq!(kind("unknown KV verb"), FaultKind::Other);
    }
}
