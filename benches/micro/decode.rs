//! Decodes the body of a prefix and merges it with the previous list: one key of many has changed.

use std::fmt::Write as _;
use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use consul_watch::watch::kv_support::read_pairs;
use criterion::{Criterion, Throughput};

pub(crate) fn decode_and_merge(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode and merge");
    for keys in [1, 1_000, 10_000] {
        let before = body(keys, None);
        let after = body(keys, Some(keys / 2));
        let Ok(previous) = read_pairs(&[], before.as_bytes()) else {
            unreachable!("it is a list of pairs")
        };
        group.throughput(Throughput::Bytes(after.len() as u64));
        group.bench_function(format!("first of {keys}"), |bench| {
            bench.iter(|| read_pairs(&[], black_box(before.as_bytes())));
        });
        group.bench_function(format!("one change of {keys}"), |bench| {
            bench.iter(|| read_pairs(&previous, black_box(after.as_bytes())));
        });
    }
    group.finish();
}

/// Builds Consul's response for `keys` keys of 256 bytes, one of which may have changed.
pub(crate) fn body(keys: usize, changed: Option<usize>) -> String {
    let mut body = "[".to_owned();
    for key in 0..keys {
        let is_changed = changed == Some(key);
        let value = STANDARD.encode(format!("{:<256}", if is_changed { "new" } else { "old" }));
        let index = if is_changed { 999_999 } else { 100 + key };
        let comma = if key == 0 { "" } else { "," };
        let _ = write!(
            body,
            r#"{comma}{{"LockIndex":0,"Key":"bench/prefix/{key:05}","Flags":0,"Value":"{value}","CreateIndex":{},"ModifyIndex":{index}}}"#,
            100 + key
        );
    }
    body.push(']');
    body
}
