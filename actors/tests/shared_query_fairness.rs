//! The members of a shared query are updated in chunks: commands wait for a chunk at most, not for all members.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue says why")]

mod common;

use std::{
    any::Any,
    rc::Rc,
    sync::atomic::{AtomicUsize, Ordering},
};

use common::{Folder, Part, Recorder, Rows, Store, SupervisorExt, supervisor, until};
use consul_watch_actors::{
    Ask, Evaluation, Extracted, Failure, Input, KeySelector, Query, QueryResponse, Request, Reset,
    SharedBy, Stop, Watch, WatchPath,
};
use futures_util::future::LocalBoxFuture;

const MEMBERS: usize = 10_000;

/// A few hops between two actors of one thread, each with a chunk of 128 members before it.
const MAX_MEANWHILE: usize = 16 * 128;

static EXTRACTED: AtomicUsize = AtomicUsize::new(0);

/// A part that counts how often it is extracted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Counted(Part);

impl Query for Counted {
    type Source = Store;
    type Value = Rows;

    fn path(&self) -> WatchPath {
        self.0.path()
    }

    fn evaluation(&self) -> Evaluation<'_, Self> {
        Evaluation::Asked(self)
    }

    fn shared_with(&self) -> Option<&dyn SharedBy<Self>> {
        Some(self)
    }
}

impl Ask for Counted {
    fn run(
        &self,
        client: &Rc<Store>,
        request: Request<Rows>,
    ) -> LocalBoxFuture<'static, Result<QueryResponse<Rows>, Failure>> {
        self.0.run(client, request)
    }
}

impl SharedBy<Self> for Counted {
    fn wider_queries(&self) -> Vec<Input<Self>> {
        vec![Input::of(Folder::new("app"))]
    }

    fn key_selector(&self, store: &Store) -> KeySelector {
        self.0.key_selector(store)
    }

    fn extract(
        &self,
        store: &Store,
        whole: &dyn Any,
        index: u64,
        previous: Option<&Rows>,
    ) -> Option<Extracted<Rows>> {
        EXTRACTED.fetch_add(1, Ordering::Relaxed);
        self.0.extract(store, whole, index, previous)
    }
}

#[actix::test]
async fn a_stop_waits_for_a_chunk_of_members_and_not_for_all() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = supervisor(&store)
        .arbiters(0)
        .shared_root(Folder::new("app"))
        .start();
    let (subscriber, received) = Recorder::prompt();
    let mut ids = Vec::new();
    for n in 0..MEMBERS {
        let part = Part::under("app", &format!("{}a", "x".repeat(n % 7)));
        // All but a few select nothing, and each is a watch of its own.
        let part = if n < 7 {
            part
        } else {
            Part::under("app", &format!("x{n}"))
        };
        let watch = Watch::new(Counted(part), subscriber.clone());
        ids.push(watches.send(watch).await.unwrap().unwrap());
    }
    until("all have their first state", || received.count() == MEMBERS).await;
    // The first answer after a reset touches all members.
    EXTRACTED.store(0, Ordering::Relaxed);
    watches.send(Reset::new()).await.unwrap().unwrap();
    while EXTRACTED.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    let before = EXTRACTED.load(Ordering::Relaxed);
    let stopped = watches.stop(Stop::subscription(ids[5_000])).await;
    let meanwhile = EXTRACTED.load(Ordering::Relaxed) - before;
    assert_eq!(stopped.ended.len(), 1);
    assert!(meanwhile <= MAX_MEANWHILE, "{meanwhile} members meanwhile");
    until("the others follow", || {
        EXTRACTED.load(Ordering::Relaxed) >= MEMBERS - 1
    })
    .await;
}
