//! The hot path alone: the cost of a wake-up after its body has arrived.

mod decode;
mod fan_out;
#[path = "../src/scale/memory.rs"]
mod memory;
mod parsers;
mod progress;

use criterion::{criterion_group, criterion_main};

criterion_group!(
    benches,
    progress::progress,
    decode::decode_and_merge,
    parsers::parsers,
    fan_out::fan_out
);
criterion_main!(benches);
