//! The rows of the report, in its order.

mod fan_out;
mod growth;
mod https;
mod idle;
mod latency;
mod micro;
mod plain;
mod prefix;
mod restart;
mod root;

use crate::row::Row;

pub const ALL: &[Row] = &[
    latency::ROW,
    prefix::CPU,
    prefix::MEMORY,
    growth::ROW,
    root::ROW,
    https::ROW,
    plain::ROW,
    fan_out::ROW,
    idle::ROW,
    restart::ROW,
    micro::ROW,
];
