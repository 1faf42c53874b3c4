//! The members of a shared query are updated in chunks: commands wait for a chunk at most, not for all members.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue says why")]

mod common;

use std::{
    any::Any,
    rc::Rc,
    sync::atomic::{AtomicUsize, Ordering},
};

use common::{
    Folder, Part, Recorder, Rows, Store, SupervisorExt,
    shared::{Watches, rooted_on, store_of},
    until,
};
use consul_watch_actors::{
    Ask, Evaluation, Extracted, Failure, Input, KeySelector, Query, QueryResponse, Request, Reset,
    SharedBy, Stop, SubscriptionId, Watch, WatchPath,
};
use futures_util::future::LocalBoxFuture;

const MEMBERS: usize = 10_000;

/// A few hops between two actors of one thread, each with a chunk of 128 members before it.
const MAX_MEANWHILE: usize = 16 * 128;

/// The extractions of each test.
static EXTRACTED: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

/// A part that counts how often it is extracted in the test of this number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Counted<const TEST: usize>(Part);

impl<const TEST: usize> Counted<TEST> {
    fn extracted() -> usize {
        EXTRACTED[TEST].load(Ordering::Relaxed)
    }
}

impl<const TEST: usize> Query for Counted<TEST> {
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

impl<const TEST: usize> Ask for Counted<TEST> {
    fn run(
        &self,
        client: &Rc<Store>,
        request: Request<Rows>,
    ) -> LocalBoxFuture<'static, Result<QueryResponse<Rows>, Failure>> {
        self.0.run(client, request)
    }
}

impl<const TEST: usize> SharedBy<Self> for Counted<TEST> {
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
        EXTRACTED[TEST].fetch_add(1, Ordering::Relaxed);
        self.0.extract(store, whole, index, previous)
    }
}

/// Many members with one subscriber, all of them with their first state.
async fn many_members<const TEST: usize>(watches: &Watches) -> Vec<SubscriptionId> {
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
        let watch = Watch::new(Counted::<TEST>(part), subscriber.clone());
        ids.push(watches.send(watch).await.unwrap().unwrap());
    }
    until("all have their first state", || received.count() == MEMBERS).await;
    ids
}

/// Resets the watches, and waits until the first of the members that its first answer touches is updated. Returns the
/// number of extractions.
async fn touch_all<const TEST: usize>(watches: &Watches) -> usize {
    let before = Counted::<TEST>::extracted();
    watches.send(Reset::new()).await.unwrap().unwrap();
    while Counted::<TEST>::extracted() == before {
        tokio::task::yield_now().await;
    }
    before
}

#[actix::test]
async fn a_stop_waits_for_a_chunk_of_members_and_not_for_all() {
    let store = store_of(["a"]);
    let watches = rooted_on(0, &store);
    let ids = many_members::<0>(&watches).await;
    let begin = touch_all::<0>(&watches).await;
    let before = Counted::<0>::extracted();
    let stopped = watches.stop(Stop::subscription(ids[5_000])).await;
    let meanwhile = Counted::<0>::extracted() - before;
    assert_eq!(stopped.ended.len(), 1);
    assert!(meanwhile <= MAX_MEANWHILE, "{meanwhile} members meanwhile");
    until("the others follow", || {
        Counted::<0>::extracted() >= begin + MEMBERS - 1
    })
    .await;
}

#[actix::test]
async fn an_acknowledgement_waits_for_a_chunk_of_members_and_not_for_all() {
    let store = store_of(["a"]);
    let watches = rooted_on(0, &store);
    let (slow, received, gate) = Recorder::gated();
    let (folder, folder_received, folder_gate) = Recorder::gated();
    let member = Counted::<1>(Part::row("app", "a"));
    watches
        .send(Watch::new(member, slow))
        .await
        .unwrap()
        .unwrap();
    watches.watch("app", folder).await;
    many_members::<1>(&watches).await;
    // One update is in flight to each, and the next one waits behind it.
    let known = Counted::<1>::extracted();
    store.put("app", "a", 2);
    until("all know the change", || {
        store.held() == 1 && Counted::<1>::extracted() >= known + 2
    })
    .await;
    let begin = touch_all::<1>(&watches).await;
    for (received, gate) in [(&received, &gate), (&folder_received, &folder_gate)] {
        assert_eq!(received.count(), 1);
        let before = Counted::<1>::extracted();
        gate.add_permits(1);
        while received.count() == 1 {
            tokio::task::yield_now().await;
        }
        let meanwhile = Counted::<1>::extracted() - before;
        assert!(meanwhile <= MAX_MEANWHILE, "{meanwhile} members meanwhile");
        assert!(received.shows(2));
    }
    let end = Counted::<1>::extracted();
    assert!(end < begin + MEMBERS, "members waited when both had theirs");
    until("the others follow", || {
        Counted::<1>::extracted() >= begin + MEMBERS
    })
    .await;
}
