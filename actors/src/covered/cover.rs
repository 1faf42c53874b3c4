//! The watch behind covered ones.

use std::{
    any::TypeId,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{key::WatchKey, snapshots::Slot};

/// Which watch serves the covered ones of one type, and where its status is read.
#[derive(Debug)]
pub(crate) struct Cover {
    pub(crate) key: WatchKey,
    pub(crate) kind: TypeId,
    /// It may start later than those it serves, and start anew.
    slot: RwLock<Option<Arc<Slot>>>,
}

impl Cover {
    pub(crate) fn new(key: WatchKey, kind: TypeId, slot: Option<Arc<Slot>>) -> Self {
        Self {
            key,
            kind,
            slot: RwLock::new(slot),
        }
    }

    pub(crate) fn slot(&self) -> Option<Arc<Slot>> {
        self.slot
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set(&self, slot: Arc<Slot>) {
        *self.slot.write().unwrap_or_else(PoisonError::into_inner) = Some(slot);
    }
}
