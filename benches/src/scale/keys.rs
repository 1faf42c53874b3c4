//! The keys of these scenarios: `many/00000/key` and so on, one per folder.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use consul_watch_harness::Http;

use crate::kv_writer::KvWriter;
use crate::measure::monotonic_ns;

/// The prefix of all keys.
pub(crate) const ROOT: &str = "many";

/// The most operations that Consul accepts in one transaction.
const TRANSACTION: usize = 64;

/// Returns the folder with this number.
pub(crate) fn folder(n: usize) -> String {
    format!("{ROOT}/{n:05}")
}

/// Returns the key in the folder with this number.
pub(crate) fn key(n: usize) -> String {
    format!("{ROOT}/{n:05}/key")
}

/// Returns the number of a key.
pub(crate) fn number(key: &str) -> Option<usize> {
    key.strip_prefix(ROOT)?
        .strip_prefix('/')?
        .split('/')
        .next()?
        .parse()
        .ok()
}

/// Returns the value to write in a round: its number and the time.
fn value(round: u32) -> String {
    format!("{round} {}", monotonic_ns())
}

/// Parses a value into its round and the time of writing.
pub(crate) fn read(value: &[u8]) -> Option<(u32, u64)> {
    let (round, at) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    Some((round.parse().ok()?, at.parse().ok()?))
}

/// Writes `count` keys in as few transactions as possible.
pub(crate) fn fill(agent: &Http, count: usize, round: u32) -> Result<(), String> {
    let all: Vec<usize> = (0..count).collect();
    all.chunks(TRANSACTION)
        .try_for_each(|numbers| write_some(agent, numbers, round))
}

/// Writes these keys in one transaction: one change for a watch of the prefix.
pub(crate) fn write_some(agent: &Http, numbers: &[usize], round: u32) -> Result<(), String> {
    let mut body = String::from("[");
    for (at, n) in numbers.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let value = STANDARD.encode(value(round));
        let _ = write!(
            body,
            r#"{comma}{{"KV":{{"Verb":"set","Key":"{}","Value":"{value}"}}}}"#,
            key(*n)
        );
    }
    body.push(']');
    let reply = agent
        .try_request("PUT", "/v1/txn", &[], body.as_bytes())
        .map_err(|error| format!("write: {error}"))?;
    if reply.status == 200 {
        Ok(())
    } else {
        Err(format!("write: {} {}", reply.status, reply.text()))
    }
}

/// Writes the keys one by one.
pub(crate) fn write_all(writer: &mut KvWriter, count: usize, round: u32) -> Result<(), String> {
    (0..count).try_for_each(|n| writer.put(&key(n), value(round).as_bytes()).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_knows_its_number_and_a_value_its_round() {
        assert_eq!(number(&key(407)), Some(407));
        assert_eq!(number("other/00001/key"), None);
        assert_eq!(read(b"3 99"), Some((3, 99)));
        assert_eq!(read(b""), None);
    }
}
