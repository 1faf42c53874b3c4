//! The scenarios, in the order of the report.

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

use crate::scenario::Scenario;

pub const ALL: &[Scenario] = &[
    latency::SCENARIO,
    prefix::CPU,
    prefix::MEMORY,
    growth::SCENARIO,
    root::SCENARIO,
    https::SCENARIO,
    plain::SCENARIO,
    fan_out::SCENARIO,
    idle::SCENARIO,
    restart::SCENARIO,
    micro::SCENARIO,
];
