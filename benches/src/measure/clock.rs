//! One clock for all processes.

use rustix::time::{ClockId, clock_gettime};

/// The machine's monotonic clock, the same in every process, in nanoseconds.
pub fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    part(now.tv_sec) * 1_000_000_000 + part(now.tv_nsec)
}
