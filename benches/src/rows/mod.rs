//! The rows of the report, in its order.

mod latency;

use crate::row::Row;

pub const ALL: &[Row] = &[latency::ROW];
