//! Clocks, processes and the arithmetic of repeated measurements.

mod allocations;
mod clock;
mod process;
mod sockets;
mod spread;

pub(crate) use allocations::{allocations, count_allocations};
pub use clock::{monotonic_ns, own_cpu_ns};
pub use process::{cpu_ns, peak_bytes, resident_bytes};
pub(crate) use sockets::connections_to;
pub use spread::{Spread, number, percentile};
