//! What the benchmarks measure by itself. Not for applications: it may change or go with any release.

use std::sync::Arc;

use super::kv_list::KvListReader;
use crate::kv::KvPair;

/// Reads a list of pairs against the one before, as a live watch does.
///
/// # Errors
///
/// What is no list of pairs.
pub fn read_pairs(previous: &[Arc<KvPair>], body: &[u8]) -> serde_json::Result<Vec<Arc<KvPair>>> {
    KvListReader {
        previous,
        indexes_comparable: true,
        keep: &|_| true,
    }
    .parse(body)
}
