//! Many watches in one process: the children that hold them, and the parent's side of the talk.
//!
//! Such a child says `idle` when its runtime is up and begins at the line `go`. It says `ready TIME` when all
//! it asks for was answered once, and `told ROUND TIME MEDIAN WORST DELIVERIES` when everyone was told of the
//! round: each key's value is `ROUND TIME`, its own time of writing. Asked by a line, it answers with one:
//! `states` with how many watches are in which state, `count ROUND` with how many were told of it, `allocations`
//! with their number and bytes. It ends when its input does. All times are the monotonic clock's, in nanoseconds.

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

/// Streams that are used of a connection.
pub(crate) const STREAMS: usize = 240;

/// What a child of these rows does.
pub(crate) fn run_one(what: &str, args: &[&str]) -> Result<(), String> {
    match what {
        "hold" => watch_holder::run(args),
        "loops" => bare_loops::hold(args),
        "queries" => bare_loops::ask(args),
        "fan-out" => fan_out::run(args),
        _ => Err(format!("nothing of many watches is called {what}")),
    }
}
