//! Clocks, processes and the arithmetic of repeated measurements.

mod allocations;
mod clock;
mod median_range;
mod process;
mod sockets;

pub(crate) use allocations::{allocations, count_allocations};
pub use clock::{monotonic_ns, own_cpu_ns};
pub use median_range::{MedianRange, number, percentile};
pub use process::{cpu_ns, peak_bytes, resident_bytes};
pub(crate) use sockets::connections_to;
