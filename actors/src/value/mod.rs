//! Watched values: their entries, and the differences between two of them.

pub(crate) mod change;
pub(crate) mod diff;
pub(crate) mod diff_cache;
pub(crate) mod hidden_entries;
pub(crate) mod snapshot;
pub(crate) mod version;
pub(crate) mod view;
