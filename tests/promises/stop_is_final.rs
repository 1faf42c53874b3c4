//! When `Stop` has replied, the request is closed and nothing more is delivered.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use actix::prelude::*;
use consul_watch::{
    Changed, FailureClass, Key, KeyPrefix, Ready, ReadyError, Reason, Status, Stop, Stopped, Watch,
};
use consul_watch_harness::{
    DEADLINE, Feed, Fixture, Refusal, StopActor, TestAgent,
    fixture::{config, subscribe, supervisor, watch},
};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

async fn stop(fixture: &Fixture, stop: Stop) -> Stopped {
    let stopped = tokio::time::timeout(DEADLINE, fixture.watches.send(stop)).await;
    stopped
        .expect("the reply to Stop")
        .expect("the supervisor runs")
}

fn names(stopped: &Stopped) -> Vec<String> {
    stopped.ended.iter().map(ToString::to_string).collect()
}

#[actix_rt::test]
async fn the_request_is_closed_and_nothing_more_comes() {
    let fixture = Fixture::dev();
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    feed.next("the first delivery").await;
    let witnesses = supervisor(&config(&fixture.agent.url()));
    let mut witness = watch(&witnesses, KeyPrefix::new("app")).await;
    witness.next("the first delivery").await;

    let writer = fixture.agent.http();
    let going = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let flag = Arc::clone(&going);
    let thread = std::thread::spawn(move || {
        let mut turn = 0;
        while flag.load(std::sync::atomic::Ordering::SeqCst) {
            turn += 1;
            writer.put("app/n", format!("{turn}"));
        }
        writer.put("app/end", "x");
    });
    for _ in 0..20 {
        feed.next("a change").await;
    }
    let stopped = stop(&fixture, Stop::path("app")).await;
    while feed.waiting().is_some() {}
    assert_eq!(
        (names(&stopped), stopped.subscriptions),
        (vec!["keyprefix:app".to_owned()], 1)
    );
    assert!(stopped.not_watched.is_empty());
    fixture.proxy.until_open(0, DEADLINE).await;
    let after = fixture.proxy.stats();

    going.store(false, std::sync::atomic::Ordering::SeqCst);
    witness
        .until("the last change", |changed| {
            changed.current.iter().any(|pair| pair.key == "app/end")
        })
        .await;
    thread.join().expect("the writer");
    feed.has_nothing("the watch was stopped");
    assert_eq!(
        fixture.proxy.stats().requests,
        after.requests,
        "no request after the reply"
    );
    assert!(
        fixture
            .watches
            .send(Status::all())
            .await
            .expect("it runs")
            .is_empty()
    );
}

/// The handler is at work on one delivery, and another one waits for it.
#[actix_rt::test]
async fn a_delivery_that_waits_for_a_slow_handler_is_retracted() {
    let fixture = Fixture::dev();
    let gate = Arc::new(Semaphore::new(0));
    let slow = Feed::slow(&gate);
    let mut slow = subscribe(&fixture.watches, KeyPrefix::new("app"), slow, |watch| watch).await;
    let mut fast = fixture.watch(KeyPrefix::new("app")).await;
    slow.next("the first delivery").await;
    fast.next("the first delivery").await;
    fixture.agent.put("app/a", "1");
    fast.says(&["added app/a=1"]).await;
    let stopped = stop(&fixture, Stop::subscription(slow.subscription)).await;
    assert_eq!((stopped.subscriptions, stopped.ended.len()), (1, 0));
    gate.add_permits(10);
    fixture.agent.put("app/a", "2");
    fast.says(&["updated app/a=1→2"]).await;
    slow.ends_with_nothing("its subscription was stopped").await;
}

/// Blocks its thread in its first handler until it is released.
struct Blocks {
    release: Receiver<()>,
    handled: UnboundedSender<String>,
}

impl Actor for Blocks {
    type Context = Context<Self>;
}

impl Handler<Changed<Key>> for Blocks {
    type Result = ();

    fn handle(&mut self, changed: Changed<Key>, _: &mut Self::Context) {
        let _ = self.handled.send(changed.query.name().to_owned());
        let _ = self.release.recv();
    }
}

impl Handler<StopActor> for Blocks {
    type Result = ();

    fn handle(&mut self, _: StopActor, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// The message is in the mailbox, and its actor has not handled it yet.
#[actix_rt::test]
async fn a_delivery_in_a_mailbox_is_retracted() {
    let fixture = Fixture::dev();
    let (release, waits) = channel();
    let (handled, mut all) = unbounded_channel();
    let thread = Arbiter::new();
    let actor = Blocks::start_in_arbiter(&thread.handle(), |_| Blocks {
        release: waits,
        handled,
    });
    for name in ["held", "waiting", "stopped"] {
        let watch = Watch::new(Key::new(name), actor.clone());
        fixture
            .watches
            .send(watch)
            .await
            .expect("it runs")
            .expect("subscribed");
        if name == "held" {
            let first = tokio::time::timeout(DEADLINE, all.recv())
                .await
                .expect("its handler has begun");
            assert_eq!(first.as_deref(), Some("held"));
        }
    }
    // One that ends alone, and one whose watch continues for another subscriber.
    let shared = Watch::new(Key::new("shared"), actor.clone());
    let shared = fixture
        .watches
        .send(shared)
        .await
        .expect("it runs")
        .expect("subscribed");
    let mut other = fixture.watch(Key::new("shared")).await;
    other.next("the first delivery").await;
    fixture.ready().await;
    stop(&fixture, Stop::path("stopped")).await;
    stop(&fixture, Stop::subscription(shared)).await;
    drop(release);
    actor.send(StopActor).await.expect("it lives");
    let mut rest = Vec::new();
    while let Ok(name) = all.try_recv() {
        rest.push(name);
    }
    assert_eq!(
        rest,
        ["waiting"],
        "what was not stopped is handled, and nothing else"
    );
    thread.stop();
}

#[actix_rt::test]
async fn one_of_two_subscriptions() {
    let fixture = Fixture::dev();
    let mut goes = fixture.watch(KeyPrefix::new("app")).await;
    let mut stays = fixture.watch(KeyPrefix::new("app")).await;
    goes.next("the first delivery").await;
    stays.next("the first delivery").await;
    let stopped = stop(&fixture, Stop::subscription(goes.subscription)).await;
    assert_eq!(
        (stopped.subscriptions, stopped.ended.len()),
        (1, 0),
        "{stopped:?}"
    );
    fixture.agent.put("app/a", "1");
    stays.says(&["added app/a=1"]).await;
    goes.has_nothing("its subscription was stopped");
    let stats = fixture.proxy.stats();
    assert_eq!(
        (stats.open, stats.accepted),
        (1, 1),
        "the watch continues: {stats:?}"
    );

    let again = stop(&fixture, Stop::subscription(goes.subscription)).await;
    assert_eq!(
        (again.subscriptions, again.not_watched.len()),
        (0, 1),
        "{again:?}"
    );
    let last = stop(&fixture, Stop::subscription(stays.subscription)).await;
    assert_eq!(
        names(&last),
        ["keyprefix:app"],
        "the watch ends with its last subscription"
    );
    fixture.proxy.until_open(0, DEADLINE).await;
}

#[actix_rt::test]
async fn several_paths_and_all_of_them() {
    let fixture = Fixture::dev();
    let mut feeds = Vec::new();
    for name in ["a", "b", "c", "d"] {
        feeds.push(fixture.watch(KeyPrefix::new(name)).await);
    }
    // Of a datacenter that is named, so that no prefix serves it.
    let alone = Key::new("a").with_datacenter("dc1");
    let mut key = fixture.watch(alone.clone()).await;
    for feed in &mut feeds {
        feed.next("the first delivery").await;
    }
    key.next("the first delivery").await;
    // A connection between two queries stays open for the next one.
    fixture
        .proxy
        .until(DEADLINE, "five held queries", |stats| {
            stats.requests >= 10 && stats.open == 5
        })
        .await;

    let stopped = stop(&fixture, Stop::paths(["b", "nobody", "keyprefix:a"])).await;
    assert_eq!(names(&stopped), ["keyprefix:a", "keyprefix:b"]);
    assert_eq!(
        (stopped.subscriptions, stopped.not_watched),
        (2, vec!["nobody".to_owned()])
    );
    fixture.proxy.until_open(3, DEADLINE).await;

    let stopped = stop(&fixture, Stop::query(&alone)).await;
    assert_eq!(names(&stopped), ["key:a?dc=dc1"]);
    fixture.proxy.until_open(2, DEADLINE).await;
    fixture.agent.put("c/x", "1");
    feeds[2].says(&["added c/x=1"]).await;

    let stopped = stop(&fixture, Stop::all()).await;
    assert_eq!(names(&stopped), ["keyprefix:c", "keyprefix:d"]);
    fixture.proxy.until_open(0, DEADLINE).await;
    let nothing = stop(&fixture, Stop::all()).await;
    assert_eq!(
        (nothing.subscriptions, nothing.not_watched.len()),
        (0, 0),
        "nothing is all there is"
    );
    let unknown = stop(&fixture, Stop::path("c")).await;
    assert_eq!(unknown.not_watched, ["c"]);
}

#[actix_rt::test]
async fn a_new_watch_begins_with_the_current_state() {
    let fixture = Fixture::dev();
    fixture.agent.put("app/a", "1");
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    feed.says(&["added app/a=1"]).await;
    for turn in 1..4 {
        stop(&fixture, Stop::path("app")).await;
        fixture.agent.put("app/a", (turn + 1).to_string());
        feed.has_nothing("the watch was stopped");
        feed = subscribe(&fixture.watches, KeyPrefix::new("app"), feed, |watch| watch).await;
        let first = feed.says(&[&format!("added app/a={}", turn + 1)]).await;
        assert_eq!(
            (first.reason, first.subscription),
            (Reason::First, feed.subscription)
        );
    }
}

#[actix_rt::test]
async fn a_watch_that_has_no_answer_yet() {
    // Nothing but Stop closes the request in time.
    let fixture = Fixture::of(TestAgent::dev(), |config| {
        config.with_request_timeout(5 * DEADLINE)
    });
    fixture.proxy.silence();
    let mut hanging = fixture.watch(Key::new("hanging")).await;
    fixture
        .proxy
        .until(DEADLINE, "the request", |stats| stats.requests == 1)
        .await;
    let ready = fixture.watches.send(Ready::path("hanging"));
    let ready = actix::spawn(ready);
    let stopped = stop(&fixture, Stop::path("hanging")).await;
    assert_eq!(stopped.subscriptions, 1);
    fixture.proxy.until_open(0, DEADLINE).await;
    match ready.await.expect("no panic").expect("the supervisor runs") {
        Err(ReadyError::Stopped(_) | ReadyError::NotWatched(_)) => {}
        other => panic!("a stopped watch is never ready: {other:?}"),
    }

    fixture.proxy.pass();
    fixture.proxy.refuse(Refusal::Closed);
    let mut retrying = fixture.watch(Key::new("retrying")).await;
    fixture
        .until_retrying("retrying", FailureClass::Transient)
        .await;
    stop(&fixture, Stop::path("retrying")).await;
    fixture.proxy.pass();
    let mut witness = fixture.watch(Key::new("witness")).await;
    witness.next("the first delivery").await;
    let stats = fixture.proxy.stats();
    assert_eq!(stats.open, 1, "only the witness asks: {stats:?}");
    hanging.has_nothing("it was stopped");
    retrying.has_nothing("it was stopped");
}

#[actix_rt::test]
async fn a_watch_ends_with_the_actor_of_its_last_subscriber() {
    let fixture = Fixture::dev();
    let mut leaves = fixture.watch(Key::new("k")).await;
    let mut dropped = Feed::start();
    let weak = Watch::new(Key::new("k"), dropped.address.downgrade());
    fixture
        .watches
        .send(weak)
        .await
        .expect("it runs")
        .expect("subscribed");
    leaves.next("the first delivery").await;
    dropped.next("the first delivery").await;
    leaves.address.send(StopActor).await.expect("it lives");
    drop(dropped);
    let gone = async {
        while !fixture
            .watches
            .send(Status::all())
            .await
            .expect("it runs")
            .is_empty()
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, gone)
        .await
        .expect("the watch ends with its last subscriber");
    fixture.proxy.until_open(0, DEADLINE).await;
}

#[actix_rt::test]
async fn everything_ends_with_the_supervisor() {
    let Fixture {
        watches,
        config: _,
        proxy,
        agent,
    } = Fixture::dev();
    let mut feed = watch(&watches, Key::new("k")).await;
    feed.next("the first delivery").await;
    let others = supervisor(&config(&agent.url()));
    let mut witness = watch(&others, Key::new("k")).await;
    witness.next("the first delivery").await;
    drop(watches);
    // A held query would stay open for the five minutes of its wait.
    proxy.until_open(0, DEADLINE).await;
    let requests = proxy.stats().requests;
    agent.put("k", "v");
    witness.says(&["added k=v"]).await;
    feed.ends_with_nothing("its supervisor is gone").await;
    assert_eq!(proxy.stats().requests, requests, "nobody queries any more");
}

#[actix_rt::test]
async fn stop_while_the_agent_hangs() {
    let fixture = Fixture::dev();
    let mut feed = fixture.watch(Key::new("k")).await;
    feed.next("the first delivery").await;
    fixture.agent.pause();
    let stopped = stop(&fixture, Stop::all()).await;
    assert_eq!(stopped.subscriptions, 1);
    fixture.proxy.until_open(0, DEADLINE).await;
    fixture.agent.resume();
    let mut witness = fixture.watch(Key::new("k")).await;
    witness.next("the first delivery").await;
    fixture.agent.put("k", "v");
    witness.says(&["added k=v"]).await;
    feed.ends_with_nothing("its watch was stopped").await;
}
