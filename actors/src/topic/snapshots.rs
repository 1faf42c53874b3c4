//! The latest value and the status of every watch, readable from any thread.

use std::{
    any::Any,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use actix::Message;
use dashmap::DashMap;

use tokio::time::Instant;

use crate::{
    caught::{discard, text_of},
    messages::watch_status::{WatchState, WatchStatus},
    query::{Query, watch_key::WatchKey},
    topic::outage::{Notice, Outage},
};

/// The latest value of every watch, readable from any thread without asking an actor.
///
/// A clone is another handle to the same values; take one by
/// [`WatchSupervisor::snapshots`](crate::WatchSupervisor::snapshots) before the supervisor starts, or
/// later with the message [`GetSnapshots`](crate::GetSnapshots).
#[derive(Debug, Clone, Default)]
pub struct Snapshots {
    slots: Arc<DashMap<WatchKey, Arc<WatchCell>>>,
}

impl Snapshots {
    /// Returns the latest value of this query; `None` while it is not watched or has no value yet.
    ///
    /// A value outlives outages: while the source is down, it is the last one.
    pub fn get<Q: Query>(&self, query: &Q) -> Option<Arc<Q::Value>> {
        let cell = self
            .slots
            .get(&WatchKey::of(query))
            .map(|cell| Arc::clone(&cell))?;
        let value = cell.read().value.clone()?;
        value.downcast().ok()
    }

    /// Returns the status of this query's watch; `None` when it is not watched.
    pub fn status<Q: Query>(&self, query: &Q) -> Option<WatchStatus> {
        self.slots
            .get(&WatchKey::of(query))
            .map(|cell| cell.status())
    }

    pub(crate) fn insert(&self, key: WatchKey, cell: Arc<WatchCell>) {
        self.slots.insert(key, cell);
    }

    pub(crate) fn remove(&self, key: &WatchKey) {
        self.slots.remove(key);
    }
}

/// One watch's place among the snapshots. Its watcher writes it, everybody may read it.
#[derive(Debug)]
pub(crate) struct WatchCell(RwLock<CellContent>);

#[derive(Debug)]
pub(crate) struct CellContent {
    pub(crate) status: WatchStatus,
    pub(crate) value: Option<Arc<dyn Any + Send + Sync>>,
    /// The current outage, and its reports.
    outage: Option<Box<Outage>>,
    /// The cell of the wide watch that serves this one, if one does.
    pub(crate) upstream: Option<Arc<WatchCell>>,
}

impl CellContent {
    /// Records a state, and returns how it is reported.
    pub(crate) fn enter(&mut self, next: WatchState, now: Instant) -> Notice {
        let before = std::mem::replace(&mut self.status.state, next);
        let next = &self.status.state;
        let other = before.differs_in_kind(next);
        let Some(error) = next.error() else {
            self.outage = None;
            return if other { Notice::Event } else { Notice::None };
        };
        let cause = text_of(error);
        if other {
            self.outage = Some(Box::new(Outage::new(cause, now)));
            return Notice::Event;
        }
        let outage = self.outage.get_or_insert_with(|| {
            let cause = before.error().map_or_else(String::new, text_of);
            Box::new(Outage::new(cause, now))
        });
        outage.failed(cause, now)
    }

    /// The number of subscribers and members that would miss it.
    pub(crate) fn weight(&self) -> usize {
        self.status.subscribers + self.status.members
    }
}

/// The value is an application's, and may be dropped on the supervisor's thread.
impl Drop for CellContent {
    fn drop(&mut self) {
        discard(self.value.take());
        discard(self.status.rejection.take());
    }
}

impl WatchCell {
    pub(crate) fn new(status: WatchStatus) -> Self {
        Self(RwLock::new(CellContent {
            status,
            value: None,
            outage: None,
            upstream: None,
        }))
    }

    /// The status as readers see it, with what it inherits.
    pub(crate) fn status(&self) -> WatchStatus {
        let (mut status, upstream) = {
            let content = self.read();
            (content.status.clone(), content.upstream.clone())
        };
        if let Some(upstream) = upstream {
            upstream.read().status.inherit(&mut status);
        }
        status
    }

    /// Whether a wide watch serves this one.
    pub(crate) fn is_member(&self) -> bool {
        self.read().upstream.is_some()
    }

    /// The state as readers see it, with what it inherits.
    pub(crate) fn state(&self) -> WatchState {
        self.status().state
    }

    /// No write leaves the content inconsistent, so a poisoned lock is as good as a clean one.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, CellContent> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, CellContent> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks for the [`Snapshots`], by which any thread reads the latest values.
#[derive(Debug, Message)]
#[rtype(result = "Snapshots")]
pub struct GetSnapshots;
