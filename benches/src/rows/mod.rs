//! The rows of the report, in its order.

mod latency;
mod micro;
mod prefix;

use crate::row::Row;

pub const ALL: &[Row] = &[latency::ROW, prefix::CPU, prefix::MEMORY, micro::ROW];
