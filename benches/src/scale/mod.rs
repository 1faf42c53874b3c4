//! Many watches in one process: the child processes that hold them, and the parent's side of the line protocol.
//!
//! A child process prints `idle` when its runtime is up and begins at the line `go`. It prints `ready TIME` when every
//! query has its first response, and `delivered ROUND TIME MEDIAN WORST DELIVERIES` when every watch has delivered the
//! round. The value of a key is `ROUND TIME`, with the time at which it was written. It answers commands with one line
//! each: `states` with the number of watches by state, `count ROUND` with the number that have delivered the round,
//! `allocations` with their number and bytes. It ends when its input ends. Times are nanoseconds of the monotonic clock.

mod bare_loops;
mod child_process;
mod counters;
mod fan_out;
mod fixture;
mod ipc;
mod keys;
mod listener;
mod memory;
mod sinks;
mod table;
mod url;
mod watch_holder;

pub(crate) use child_process::{ChildProcess, Delivered};
pub(crate) use fixture::Fixture;
pub(crate) use keys::{ROOT, fill, write_all, write_some};
pub(crate) use table::{counted, measure, median_range};

/// Streams used per HTTP/2 connection.
pub(crate) const STREAMS: usize = 240;

/// Runs a child process of these scenarios.
pub(crate) fn run_one(what: &str, args: &[&str]) -> Result<(), String> {
    match what {
        "hold" => watch_holder::run(args),
        "loops" => bare_loops::hold(args),
        "queries" => bare_loops::ask(args),
        "fan-out" => fan_out::run(args),
        _ => Err(format!("unknown child process {what}")),
    }
}
