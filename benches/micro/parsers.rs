//! The JSON parser in use and two with SIMD, on the body of a prefix: borrowed pairs, nothing else.

use std::borrow::Cow;
use std::hint::black_box;

use criterion::{Criterion, Throughput};
use serde::Deserialize;

use super::decode::body;

const KEYS: usize = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(dead_code, reason = "decoded, since the real reader decodes it")]
struct Pair<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    create_index: u64,
    modify_index: u64,
    lock_index: u64,
    flags: u64,
    value: Option<&'a str>,
}

pub(crate) fn parsers(criterion: &mut Criterion) {
    let body = body(KEYS, None).into_bytes();
    let mut group = criterion.benchmark_group(format!("parsers, {KEYS} keys"));
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("serde_json, which is used", |bench| {
        bench.iter(|| {
            serde_json::from_slice::<Vec<Pair<'_>>>(black_box(&body))
                .map(|pairs| pairs.len())
                .ok()
        });
    });
    group.bench_function("sonic-rs", |bench| {
        bench.iter(|| {
            sonic_rs::from_slice::<Vec<Pair<'_>>>(black_box(&body))
                .map(|pairs| pairs.len())
                .ok()
        });
    });
    group.bench_function("simd-json, with the copy that it writes into", |bench| {
        bench.iter(|| {
            let mut copy = black_box(&body).clone();
            simd_json::from_slice::<Vec<Pair<'_>>>(&mut copy)
                .map(|pairs| pairs.len())
                .ok()
        });
    });
    group.finish();
}
