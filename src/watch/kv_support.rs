//! Entry points for the benchmarks. Not for applications: any release may change or remove them.

use std::sync::Arc;

use super::kv_list::{AskedKeys, KvListReader};
use crate::kv::KvPair;

/// Reads a list of pairs against the previous one, as a live watch does.
///
/// # Errors
///
/// A body that is not a list of pairs.
pub fn read_pairs(previous: &[Arc<KvPair>], body: &[u8]) -> serde_json::Result<Vec<Arc<KvPair>>> {
    KvListReader {
        previous,
        indexes_comparable: true,
        keep: &|_| true,
        asked: &AskedKeys::Prefix(String::new()),
    }
    .parse(body)
}
