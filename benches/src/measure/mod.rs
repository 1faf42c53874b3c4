//! Clocks, processes and the arithmetic of repeated measurements.

mod clock;
mod process;
mod spread;

pub use clock::monotonic_ns;
pub use process::{cpu_ns, peak_bytes, resident_bytes};
pub use spread::{Spread, number, percentile};
