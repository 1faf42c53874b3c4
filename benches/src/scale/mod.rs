//! Many watches in one process: the children that hold them, and the parent's side of the talk.
//!
//! Such a child says `idle` when its runtime is up and begins at the line `go`. It says `ready TIME` when all
//! it asks for was answered once, and `told ROUND TIME MEDIAN WORST DELIVERIES` when everyone was told of the
//! round: each key's value is `ROUND TIME`, its own time of writing. Asked by a line, it answers with one:
//! `states` with how many watches are in which state, `count ROUND` with how many were told of it, `allocations`
//! with their number and bytes. It ends when its input does. All times are the monotonic clock's, in nanoseconds.

mod crew;
mod fan_out;
mod hold;
mod keys;
mod listener;
mod loops;
mod memory;
mod sinks;
mod stage;
mod table;
mod talk;
mod tally;
mod url;

pub(crate) use crew::{Crew, Told};
pub(crate) use keys::{ROOT, fill, write_all, write_some};
pub(crate) use stage::Stage;
pub(crate) use table::{counted, measure, spread};

/// Streams that are used of a connection.
pub(crate) const STREAMS: usize = 240;

/// What a child of these rows does.
pub(crate) fn run_one(what: &str, args: &[&str]) -> Result<(), String> {
    match what {
        "hold" => hold::run(args),
        "loops" => loops::hold(args),
        "queries" => loops::ask(args),
        "fan-out" => fan_out::run(args),
        _ => Err(format!("nothing of many watches is called {what}")),
    }
}
