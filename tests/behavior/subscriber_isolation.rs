//! A subscriber that is slow, hangs, panics, restarts or ends harms no other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};

use actix::prelude::*;
use consul_watch::{Changed, KeyPrefix, Watch};
use consul_watch_harness::{
    DEADLINE, Feed, Fixture, StopActor, described, eventually_async, fixture::subscribe,
};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

async fn three_changes_reach(fixture: &Fixture, feed: &mut Feed<KeyPrefix>) {
    fixture.agent.put("app/a", "1");
    feed.says(&["added app/a=1"]).await;
    fixture.agent.put("app/a", "2");
    feed.says(&["updated app/a=1→2"]).await;
    fixture.agent.delete("app/a");
    feed.says(&["removed app/a=2"]).await;
}

#[actix_rt::test]
async fn an_asynchronous_handler_that_never_ends() {
    let fixture = Fixture::dev();
    let never = Arc::new(Semaphore::new(0));
    let hangs = Feed::slow(&never);
    let mut hangs = subscribe(&fixture.watches, KeyPrefix::new("app"), hangs, |watch| {
        watch
    })
    .await;
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    hangs.next("the first delivery").await;
    feed.next("the first delivery").await;
    three_changes_reach(&fixture, &mut feed).await;
    hangs.has_nothing("its handler is still at work");
}

/// Blocks its thread until it is released.
struct Blocks(Receiver<()>, UnboundedSender<()>);

impl Actor for Blocks {
    type Context = Context<Self>;
}

impl Handler<Changed<KeyPrefix>> for Blocks {
    type Result = ();

    fn handle(&mut self, _: Changed<KeyPrefix>, _: &mut Self::Context) {
        let _ = self.1.send(());
        let _ = self.0.recv();
    }
}

#[actix_rt::test]
async fn a_handler_that_blocks_its_thread() {
    let fixture = Fixture::dev();
    let (release, waits) = channel();
    let (tells, mut begun) = unbounded_channel();
    let thread = Arbiter::new();
    let blocks = Blocks::start_in_arbiter(&thread.handle(), |_| Blocks(waits, tells));
    fixture
        .watches
        .send(Watch::new(KeyPrefix::new("app"), blocks))
        .await
        .expect("it runs")
        .expect("subscribed");
    tokio::time::timeout(DEADLINE, begun.recv())
        .await
        .expect("its handler has begun");
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    feed.next("the first delivery").await;
    three_changes_reach(&fixture, &mut feed).await;
    drop(release);
    thread.stop();
}

/// Panics when a key named `poison` is delivered: in its handler, which ends the actor, or in the handler's future,
/// which does not.
struct Panics {
    later: bool,
    handled: UnboundedSender<Vec<String>>,
}

impl Actor for Panics {
    type Context = Context<Self>;
}

impl Handler<Changed<KeyPrefix>> for Panics {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, changed: Changed<KeyPrefix>, _: &mut Self::Context) -> Self::Result {
        let poison = changed.current.iter().any(|pair| pair.key == "app/poison");
        assert!(self.later || !poison, "this panic is a part of the test");
        let handled = self.handled.clone();
        Box::pin(async move {
            tokio::task::yield_now().await;
            assert!(!poison, "this panic is a part of the test");
            let _ = handled.send(described(&changed));
        })
    }
}

#[actix_rt::test]
async fn a_handler_that_panics() {
    let fixture = Fixture::dev();
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    let (handled, mut all) = unbounded_channel();
    for later in [false, true] {
        let panics = Panics {
            later,
            handled: handled.clone(),
        }
        .start();
        let panics = Watch::new(KeyPrefix::new("app"), panics);
        fixture
            .watches
            .send(panics)
            .await
            .expect("it runs")
            .expect("subscribed");
    }
    feed.next("the first delivery").await;
    assert_eq!(fixture.status("app").await.subscribers, 3);
    fixture.agent.put("app/poison", "x");
    feed.says(&["added app/poison=x"]).await;
    fixture
        .until("app", "the end of the dead one's subscription", |status| {
            status.subscribers == 2
        })
        .await;
    fixture.agent.put("app/a", "1");
    feed.says(&["added app/a=1"]).await;
    fixture.agent.delete("app/poison");
    feed.says(&["removed app/poison=x"]).await;
    let stats = fixture.proxy.stats();
    assert_eq!(
        (stats.accepted, fixture.status("app").await.restarts),
        (2, 0),
        "the watcher keeps its connection; the other one proved the removal"
    );
    // The other one is still owed the latest state, compared with the last that it finished.
    let latest =
        async { while all.recv().await.expect("one of them lives") != ["added app/a=1"] {} };
    tokio::time::timeout(DEADLINE * 2, latest)
        .await
        .expect("the state that it failed on comes again");
}

/// Its actix supervisor restarts it in the middle of the first two deliveries.
struct Restarts {
    attempts: Arc<AtomicUsize>,
    done: UnboundedSender<Vec<String>>,
}

impl Actor for Restarts {
    type Context = Context<Self>;
}

impl Supervised for Restarts {}

impl Handler<Changed<KeyPrefix>> for Restarts {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, changed: Changed<KeyPrefix>, _: &mut Self::Context) -> Self::Result {
        let fails = self.attempts.fetch_add(1, Ordering::SeqCst) < 2;
        let done = self.done.clone();
        Box::pin(
            async move { tokio::task::yield_now().await }
                .into_actor(self)
                .then(move |(), actor, ctx| {
                    if fails {
                        ctx.stop();
                        return Box::pin(std::future::pending().into_actor(actor)) as Self::Result;
                    }
                    let _ = done.send(described(&changed));
                    Box::pin(std::future::ready(()).into_actor(actor)) as Self::Result
                }),
        )
    }
}

/// A delivery that it had not finished when it was restarted is owed to it still.
#[actix_rt::test]
async fn a_subscriber_that_is_restarted_in_the_middle_of_a_delivery() {
    let fixture = Fixture::dev();
    fixture.agent.put("app/a", "1");
    let attempts = Arc::new(AtomicUsize::new(0));
    let (done, mut handled) = unbounded_channel();
    let counter = Arc::clone(&attempts);
    let restarts = Supervisor::start(move |_| Restarts {
        attempts: counter,
        done,
    });
    fixture
        .watches
        .send(Watch::new(KeyPrefix::new("app"), restarts))
        .await
        .expect("it runs")
        .expect("subscribed");
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    feed.says(&["added app/a=1"]).await;
    let first = tokio::time::timeout(DEADLINE, handled.recv())
        .await
        .expect("it comes again");
    assert_eq!(first.expect("it lives"), ["added app/a=1"]);
    assert_eq!(attempts.load(Ordering::SeqCst), 3);
    fixture.agent.put("app/a", "2");
    feed.says(&["updated app/a=1→2"]).await;
    let next = tokio::time::timeout(DEADLINE, handled.recv())
        .await
        .expect("the next change");
    assert_eq!(next.expect("it lives"), ["updated app/a=1→2"]);
}

#[actix_rt::test]
async fn a_subscriber_whose_actor_has_ended() {
    let fixture = Fixture::dev();
    let mut leaves = fixture.watch(KeyPrefix::new("app")).await;
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    leaves.next("the first delivery").await;
    feed.next("the first delivery").await;
    leaves.address.send(StopActor).await.expect("it lives");
    three_changes_reach(&fixture, &mut feed).await;
    leaves.has_nothing("its actor has ended");
    fixture
        .until("app", "the end of its subscription", |status| {
            status.subscribers == 1
        })
        .await;
    let gone = leaves.address.clone();
    eventually_async(DEADLINE, "the actor to be gone", || !gone.connected()).await;
    let refused = fixture
        .watches
        .send(Watch::new(KeyPrefix::new("app"), gone))
        .await
        .expect("it runs");
    assert!(
        matches!(
            refused,
            Err(consul_watch::WatchError::SubscriberGone { .. })
        ),
        "{refused:?}"
    );
}
