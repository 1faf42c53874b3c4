//! An in-memory source of pairs and of events, as an agent keeps them, for tests by a paused clock.

use std::sync::Arc;

use actix::prelude::*;
use consul_watch_actors::{
    Ask, Cursor, Evaluation, Failure, Outcome, Position, Query, QueryResponse, Request, Snapshot,
    Source, WatchPath, WatchSupervisor,
};
use futures_util::future::LocalBoxFuture;
use tokio::sync::watch;

use crate::{
    kv::KvPair,
    model::{EventLog, UserEvent},
};

/// The source. A clone is another handle to the same content.
#[derive(Debug, Clone)]
pub(super) struct Store(watch::Sender<Content>);

#[derive(Debug, Clone, Default)]
struct Content {
    index: u64,
    pairs: Vec<Arc<KvPair>>,
    events: Vec<UserEvent>,
}

impl Store {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(Content {
            index: 1,
            ..Content::default()
        }))
    }

    /// Writes a pair.
    pub(super) fn put(&self, key: &str, value: u64) {
        self.0.send_modify(|content| {
            content.index += 1;
            content.pairs.retain(|pair| pair.key != key);
            content.pairs.push(Arc::new(KvPair {
                key: key.to_owned(),
                value: Some(value.to_string().into()),
                create_index: 1,
                modify_index: content.index,
                ..KvPair::default()
            }));
        });
    }

    /// Fires events up to this number; the agent keeps the last 256.
    pub(super) fn fire_up_to(&self, newest: u64) {
        self.0.send_modify(|content| {
            content.index += 1;
            let kept = (newest + 1).saturating_sub(256)..=newest;
            let event = |number| UserEvent {
                id: format!("e{number}"),
                l_time: number,
                ..UserEvent::default()
            };
            content.events = kept.map(event).collect();
        });
    }

    /// Starts a supervisor on this thread, by a paused clock.
    pub(super) fn supervise(&self) -> Addr<WatchSupervisor<Self>> {
        WatchSupervisor::new(self.clone()).arbiters(0).start()
    }
}

impl Source for Store {
    type Client = Self;

    fn connect(&self) -> Result<Self, Failure> {
        Ok(self.clone())
    }
}

/// Watches all pairs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Pairs;

/// Watches all events.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Events;

impl Query for Pairs {
    type Source = Store;
    type Value = Vec<Arc<KvPair>>;

    fn path(&self) -> WatchPath {
        WatchPath::new("pairs", "all")
    }

    fn evaluation(&self) -> Evaluation<'_, Self> {
        Evaluation::Asked(self)
    }
}

impl Ask for Pairs {
    fn run(
        &self,
        store: &Store,
        request: Request<Vec<Arc<KvPair>>>,
    ) -> LocalBoxFuture<'static, Result<QueryResponse<Vec<Arc<KvPair>>>, Failure>> {
        ask(store, request, |content, _| content.pairs.clone())
    }
}

impl Query for Events {
    type Source = Store;
    type Value = EventLog;

    fn path(&self) -> WatchPath {
        WatchPath::new("events", "all")
    }

    fn evaluation(&self) -> Evaluation<'_, Self> {
        Evaluation::Asked(self)
    }
}

impl Ask for Events {
    fn run(
        &self,
        store: &Store,
        request: Request<EventLog>,
    ) -> LocalBoxFuture<'static, Result<QueryResponse<EventLog>, Failure>> {
        ask(store, request, |content, previous| {
            EventLog::next(previous, content.events.clone())
        })
    }
}

fn ask<V: Snapshot>(
    store: &Store,
    request: Request<V>,
    read: fn(&Content, Option<&V>) -> V,
) -> LocalBoxFuture<'static, Result<QueryResponse<V>, Failure>> {
    let mut content = store.0.subscribe();
    Box::pin(async move {
        let known = request.cursor;
        let fresh = |content: &Content| known != Cursor::Index(content.index);
        let Ok(content) = content.wait_for(fresh).await else {
            unreachable!("the test holds the store")
        };
        Ok(QueryResponse {
            position: Position::Index(content.index),
            outcome: Outcome::Value(read(&content, request.previous.as_deref())),
            last_contact: None,
        })
    })
}
