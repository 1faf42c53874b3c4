//! Proof that keys are gone.
//!
//! A list omits the keys that the token may not read
//! (<https://developer.hashicorp.com/consul/docs/security/acl/acl-rules#key-value-rules>). A transaction of
//! `check-index` operations distinguishes a hidden key from a deleted one
//! (<https://developer.hashicorp.com/consul/api-docs/txn#kv-operations>): the leader checks the rights
//! and the state of up to 64 keys in one request.
//!
//! # Invariants
//!
//! - Every key is checked. None is sampled.
//! - Nothing is written and no value is read: each operation compares with an index that no key has, so
//!   Consul always answers 409 with a reason for each key.
//! - If keys are denied, Consul reports only those. The others are checked again.
//! - The size of a request and the number of concurrent requests are bounded.

use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};

use super::query_options::QueryOptions;
use crate::{
    absence::{self, Absence, Why},
    client::{ClientError, Consistency, ConsulClient, KeyPath, PoolKind, QueryRequest},
};

/// An index that no key has: the first write to Consul has a higher index.
const IMPOSSIBLE: u64 = 0;

/// The number of operations that Consul accepts in one transaction.
const MAX_OPERATIONS: usize = 64;

/// The total length of the keys in one transaction. Consul accepts bodies of 512 KiB by default
/// (<https://developer.hashicorp.com/consul/docs/agent/config/config-files#txn_max_req_len>), and one byte
/// of a key takes up to six in JSON.
const MAX_KEY_BYTES: usize = 64 * 1024;

/// The number of concurrent requests.
const MAX_CONCURRENT: usize = 4;

/// The number of repetitions of a transaction in which more keys were denied each time.
const MAX_ROUNDS: usize = 4;

/// The result for each key.
#[derive(Debug)]
pub(super) struct KvProof {
    /// One entry per key, in the same order.
    pub(super) absences: Vec<Absence>,
    /// The failed request, if it left some keys unknown.
    pub(super) error: Option<ClientError>,
}

/// Checks whether these keys are gone.
///
/// If a proxy forwards no transactions, each key is read by name instead.
pub(super) async fn prove(client: &ConsulClient, options: &QueryOptions, keys: &[&str]) -> KvProof {
    let pool = PoolKind::Short;
    let transactions = chunks(keys).map(|keys| by_transaction(client, options, keys, pool));
    let (mut absences, error) = collect(transactions).await;
    if absences.is_empty() && error.as_ref().is_some_and(is_refused) {
        let reads = keys.iter().map(|key| by_name(client, options, key));
        let (by_name, second) = collect(reads).await;
        absences = by_name;
        return finished(absences, second.or(error), keys);
    }
    finished(absences, error, keys)
}

/// Asks for the state of one key over the connection of a watch, which is idle between two of its queries; `None`
/// if the request failed.
pub(super) async fn ask_one(
    client: &ConsulClient,
    options: &QueryOptions,
    key: &str,
) -> Option<Absence> {
    let absences = by_transaction(client, options, &[key], PoolKind::LongPoll).await;
    absences.ok()?.first().copied()
}

fn finished(mut absences: Vec<Absence>, error: Option<ClientError>, keys: &[&str]) -> KvProof {
    absences.resize(keys.len(), Absence::Unproven(Why::Unknown));
    KvProof { absences, error }
}

/// Returns the answers up to the first failed request, and its error.
async fn collect<F>(requests: impl Iterator<Item = F>) -> (Vec<Absence>, Option<ClientError>)
where
    F: Future<Output = Result<Vec<Absence>, ClientError>>,
{
    let mut answers = stream::iter(requests).buffered(MAX_CONCURRENT);
    let mut absences = Vec::new();
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(some) => absences.extend(some),
            Err(error) => return (absences, Some(error)),
        }
    }
    (absences, None)
}

/// Splits the keys into parts that fit into one transaction. A part has at least one key.
fn chunks<'a>(keys: &'a [&'a str]) -> impl Iterator<Item = &'a [&'a str]> {
    let mut rest = keys;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fitting = rest.iter().take(MAX_OPERATIONS).take_while(|key| {
            bytes += key.len();
            bytes <= MAX_KEY_BYTES
        });
        let count = fitting.count().max(1).min(rest.len());
        let (part, others) = rest.split_at(count);
        rest = others;
        (!part.is_empty()).then_some(part)
    })
}

async fn by_transaction(
    client: &ConsulClient,
    options: &QueryOptions,
    keys: &[&str],
    pool: PoolKind,
) -> Result<Vec<Absence>, ClientError> {
    let request = options
        .apply(QueryRequest::new("/v1/txn"))
        .with_consistency(Consistency::Consistent);
    let query = request.query(client.config());
    let mut absences = vec![Absence::Unproven(Why::Unknown); keys.len()];
    let mut open: Vec<usize> = (0..keys.len()).collect();
    for _ in 0..MAX_ROUNDS {
        let body = body(open.iter().map(|at| keys[*at]));
        let Errors { errors } = client
            .transact_over(pool, &query, request.token(), body.into())
            .await?;
        let mut some_denied = false;
        for OperationError { op_index, what } in errors.unwrap_or_default() {
            if let Some(at) = open.get(op_index) {
                absences[*at] = absence::of_check_index(&what);
                some_denied |= absences[*at] == Absence::Unproven(Why::Hidden);
            }
        }
        open.retain(|at| absences[*at] == Absence::Unproven(Why::Unknown));
        if !some_denied || open.is_empty() {
            break;
        }
    }
    Ok(absences)
}

async fn by_name(
    client: &ConsulClient,
    options: &QueryOptions,
    key: &str,
) -> Result<Vec<Absence>, ClientError> {
    let Ok(KeyPath::Direct(path)) = KeyPath::of_key(key) else {
        return Ok(vec![Absence::Unproven(Why::Unknown)]);
    };
    let request = options
        .apply(QueryRequest::new(path))
        .with_consistency(Consistency::Consistent)
        .accept_404(true);
    let absence = match client.read(&request).await {
        Ok(answer) => absence::of_kv_status(if answer.found { 200 } else { 404 }, answer.index),
        Err(ClientError::Denied { status, .. }) => absence::of_kv_status(status, None),
        // Consul 1.21.5 and later reject some names in a URL that they accept in a transaction.
        Err(ClientError::KeyName { .. }) => Absence::Unproven(Why::RefusedName),
        Err(error) => return Err(error),
    };
    Ok(vec![absence])
}

/// Returns whether the request itself was refused, as by a proxy that forwards reads only. Consul refuses a
/// transaction as a whole only for its size or for a token that does not exist.
pub(super) fn is_refused(error: &ClientError) -> bool {
    match error {
        ClientError::Denied { text, .. } => !text.contains("ACL not found"),
        ClientError::Status { status, .. } => matches!(status, 400..=499 | 501) && *status != 429,
        _ => false,
    }
}

/// Returns the body of a transaction that compares the index of each key with [`IMPOSSIBLE`].
fn body<'a>(keys: impl Iterator<Item = &'a str>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Operation<'a> {
        #[serde(rename = "KV")]
        kv: CheckIndex<'a>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct CheckIndex<'a> {
        verb: &'static str,
        key: &'a str,
        index: u64,
    }
    let operations: Vec<_> = keys
        .map(|key| Operation {
            kv: CheckIndex {
                verb: "check-index",
                key,
                index: IMPOSSIBLE,
            },
        })
        .collect();
    // Strings and numbers always serialize.
    serde_json::to_vec(&operations).unwrap_or_default()
}

/// The part of an answer that says why the transaction was rolled back.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Errors {
    #[serde(default)]
    errors: Option<Vec<OperationError>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OperationError {
    op_index: usize,
    what: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_in_one_part_and_no_part_is_too_large() {
        let long = "k".repeat(MAX_KEY_BYTES / 3);
        let longest = "k".repeat(MAX_KEY_BYTES * 2);
        let short: Vec<String> = (0..200).map(|number| format!("app/{number}")).collect();
        let mut keys: Vec<&str> = short.iter().map(String::as_str).collect();
        keys.extend([&*long, &*long, &*longest, &*long, &*long]);
        let parts: Vec<_> = chunks(&keys).collect();
        assert_eq!(parts.concat(), keys);
        for part in &parts {
            let bytes: usize = part.iter().map(|key| key.len()).sum();
            assert!(part.len() <= MAX_OPERATIONS, "{}", part.len());
            assert!(bytes <= MAX_KEY_BYTES || part.len() == 1, "{bytes}");
        }
        assert_eq!(chunks(&[]).count(), 0);
    }

    #[test]
    fn an_operation_is_consuls() {
        let json = String::from_utf8(body(["a\"\n\u{e4}"].into_iter())).unwrap();
        assert_eq!(
            json,
            r#"[{"KV":{"Verb":"check-index","Key":"a\"\nä","Index":0}}]"#
        );
    }

    #[test]
    fn keys_are_read_by_name_only_if_the_transaction_was_refused() {
        let status = |status| ClientError::Status {
            target: String::new(),
            status,
            text: String::new(),
            retry_after: None,
            from_consul: false,
        };
        for code in [400, 404, 405, 413, 501] {
            assert!(is_refused(&status(code)), "{code}");
        }
        for code in [301, 429, 500, 502, 503] {
            assert!(!is_refused(&status(code)), "{code}");
        }
        let denied = |text: &str| ClientError::Denied {
            target: String::new(),
            status: 403,
            text: text.to_owned(),
        };
        assert!(is_refused(&denied("only GET is allowed")));
        assert!(!is_refused(&denied("ACL not found")));
    }
}
