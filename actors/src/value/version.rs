//! A value, and the index it was read at.

use std::sync::Arc;

/// A value and the index it was read at.
#[derive(Debug)]
pub(crate) struct Version<V> {
    pub(crate) value: Arc<V>,
    pub(crate) index: u64,
    /// Whether it may lack entries that exist.
    pub(crate) unproven: bool,
}

impl<V> Clone for Version<V> {
    fn clone(&self) -> Self {
        Self {
            value: Arc::clone(&self.value),
            index: self.index,
            unproven: self.unproven,
        }
    }
}
