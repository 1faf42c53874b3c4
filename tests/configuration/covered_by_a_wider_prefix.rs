//! Keys and prefixes that a wider prefix serves: one query for all, and no difference to their subscribers.

use actix::prelude::*;
use consul_watch::{
    Backoff, FailureClass, Key, KeyPrefix, KeySet, Observe, Reason, Status, Stop, WatchEvent,
    WatchSupervisor, actors::Query,
};
use consul_watch_harness::{Canned, ResponseFault, Rule, eventually_async};

use crate::{
    recorder::{Feed, SOON, said},
    stage::{Stage, until, watch},
};

/// A stage whose supervisor has this root.
pub(crate) fn rooted(mut stage: Stage, root: KeyPrefix) -> Stage {
    let soon = Backoff::new(
        std::time::Duration::from_millis(20),
        std::time::Duration::from_millis(500),
    )
    .unwrap();
    stage.watches = WatchSupervisor::new(stage.config.clone())
        .backoff(soon)
        .shared_root(root)
        .start();
    stage
}

async fn watched(stage: &Stage) -> Vec<String> {
    let all = stage.watches.send(Status::all()).await.unwrap();
    all.iter()
        .map(|status| {
            format!(
                "{} {} {}",
                status.path,
                status.state.name(),
                status.subscribers
            )
        })
        .collect()
}

#[actix::test]
async fn many_keys_under_a_root_are_one_connection_and_each_is_told_its_own() {
    let stage = rooted(Stage::dev(), KeyPrefix::new("app"));
    let keys: Vec<String> = (0..200).map(|n| format!("app/{n}")).collect();
    for key in &keys {
        stage.agent.put(key, "0");
    }
    let mut feeds = Vec::new();
    for key in &keys {
        feeds.push(stage.watch(Key::new(key)).await);
    }
    for (key, feed) in keys.iter().zip(&mut feeds) {
        feed.says(&[&format!("added {key}=0")]).await;
    }
    stage.ready().await;
    for key in &keys {
        stage.agent.put(key, "1");
    }
    for (key, feed) in keys.iter().zip(&mut feeds) {
        feed.says(&[&format!("updated {key}=0→1")]).await;
    }
    assert_eq!(stage.proxy.stats().accepted, 1, "{:?}", stage.proxy.stats());
    let status = stage.status("app/7").await;
    assert!(
        status.state.is_live() && status.subscribers == 1 && status.index > 0,
        "{status:?}"
    );
    assert!(
        stage.status("keyprefix:app").await.state.is_live(),
        "the root shows as a watch of its own"
    );

    let stopped = stage.watches.send(Stop::all()).await.unwrap();
    assert_eq!((stopped.ended.len(), stopped.subscriptions), (201, 201));
    eventually_async(SOON, "that the connection is closed", || {
        stage.proxy.open() == 0
    })
    .await;
}

/// What one subscriber was told, in all its parts.
async fn told<Q: Query<Value: consul_watch::Snapshot<Item = consul_watch::KvPair>>>(
    feed: &mut Feed<Q>,
) -> (Vec<String>, u64, Option<u64>, Reason) {
    let changed = feed.next("what both are told").await;
    (
        said(&changed),
        changed.index,
        changed.previous_index,
        changed.reason,
    )
}

#[actix::test]
async fn subscribers_are_told_the_same_as_without() {
    let alone = Stage::dev();
    let rooted = WatchSupervisor::new(alone.config.clone())
        .shared_root(KeyPrefix::new("app"))
        .start();
    alone.agent.put("app/a", "1");
    alone.agent.put("app/dir/b", "1");
    let mut keys = (
        alone.watch(Key::new("app/a")).await,
        watch(&rooted, Key::new("app/a")).await,
    );
    let mut dirs = (
        alone.watch(KeyPrefix::new("app/dir")).await,
        watch(&rooted, KeyPrefix::new("app/dir")).await,
    );
    assert_eq!(told(&mut keys.0).await, told(&mut keys.1).await);
    assert_eq!(told(&mut dirs.0).await, told(&mut dirs.1).await);
    for value in ["2", "", "3"] {
        alone.agent.put("app/a", value);
        assert_eq!(told(&mut keys.0).await, told(&mut keys.1).await);
        alone.agent.put("app/dir/c", value);
        assert_eq!(told(&mut dirs.0).await, told(&mut dirs.1).await);
    }
    // What is gone is told alike, but for an index that Consul counts for each prefix by itself.
    alone.agent.delete("app/a");
    alone.agent.delete("app/dir/b");
    for (one, other) in [
        (told(&mut keys.0).await, told(&mut keys.1).await),
        (told(&mut dirs.0).await, told(&mut dirs.1).await),
    ] {
        assert_eq!((one.0, one.2, one.3), (other.0, other.2, other.3));
        assert!(one.1 <= other.1);
    }
    alone.agent.put("app/a", "3");
    let (one, other) = (told(&mut keys.0).await, told(&mut keys.1).await);
    assert_eq!((one.0, one.1), (other.0, other.1));
    assert_eq!(
        alone.status("key:app/a").await.index,
        until(&rooted, "key:app/a", "live", |_| true).await.index
    );
}

#[actix::test]
async fn a_running_prefix_serves_what_comes_later_and_goes_on_for_it() {
    let stage = Stage::dev();
    stage.agent.put("app/web/port", "80");
    let mut all = stage.watch(KeyPrefix::new("app")).await;
    let mut web = stage.watch(KeyPrefix::new("app/web")).await;
    let mut port = stage.watch(Key::new("app/web/port")).await;
    let mut json = stage.watch(Key::new("app/web/port").json::<u16>()).await;
    let mut other = stage
        .watch(Key::new("app/web/port").with_datacenter("dc1"))
        .await;
    all.says(&["added app/web/port=80"]).await;
    web.says(&["added app/web/port=80"]).await;
    port.says(&["added app/web/port=80"]).await;
    other.says(&["added app/web/port=80"]).await;
    assert_eq!(
        json.next("the number")
            .await
            .current
            .as_deref()
            .map(|port| **port),
        Some(80)
    );
    assert_eq!(
        stage.proxy.open(),
        2,
        "one for all of them, and one for what says another datacenter"
    );

    stage.agent.put("app/web/port", "81");
    web.says(&["updated app/web/port=80→81"]).await;
    port.says(&["updated app/web/port=80→81"]).await;
    assert_eq!(
        json.next("the number")
            .await
            .current
            .as_deref()
            .map(|port| **port),
        Some(81)
    );

    // Stopped for whoever watched it; those that it serves still need it.
    stage
        .watches
        .send(Stop::query(&KeyPrefix::new("app")))
        .await
        .unwrap();
    stage.until_live("keyprefix:app").await;
    stage.agent.put("app/web/port", "82");
    port.says(&["updated app/web/port=81→82"]).await;
    web.says(&["updated app/web/port=81→82"]).await;
    stage
        .watches
        .send(Stop::query(&KeyPrefix::new("app/web")))
        .await
        .unwrap();
    stage
        .watches
        .send(Stop::path("app/web/port"))
        .await
        .unwrap();
    assert_eq!(
        watched(&stage).await,
        Vec::<String>::new(),
        "the last one served takes it along"
    );
}

#[actix::test]
async fn what_only_the_root_may_not_read_asks_by_itself() {
    let stage = rooted(Stage::dev(), KeyPrefix::new("app"));
    stage.proxy.inject(
        Rule::always(ResponseFault::Replace(Canned::new(
            403,
            "Permission denied",
        )))
        .for_target("recurse"),
    );
    stage.agent.put("app/a", "1");
    let mut a = stage.watch(Key::new("app/a")).await;
    let mut b = stage.watch(Key::new("app/b")).await;
    a.says(&["added app/a=1"]).await;
    assert!(b.next("that it is not there").await.current.is_none());
    stage.until_live("key:app/a").await;
    stage.agent.put("app/b", "1");
    b.says(&["added app/b=1"]).await;
    stage.agent.put("app/a", "2");
    a.says(&["updated app/a=1→2"]).await;
    assert_eq!(
        watched(&stage).await,
        ["key:app/a live 1", "key:app/b live 1"]
    );
}

#[actix::test]
async fn what_is_hidden_in_the_root_is_not_taken_for_gone() {
    let stage = rooted(Stage::dev(), KeyPrefix::new("app"));
    let denied = || ResponseFault::Replace(Canned::new(403, "Permission denied"));
    stage
        .proxy
        .inject(Rule::always(denied()).for_target("/v1/kv/app/secret"));
    stage.agent.put("app/open", "1");
    let mut open = stage.watch(Key::new("app/open")).await;
    let mut secret = stage.watch(Key::new("app/secret")).await;
    open.says(&["added app/open=1"]).await;
    stage
        .until_retrying("key:app/secret", FailureClass::Denied)
        .await;
    secret.has_nothing("nobody knows whether it is there");

    // Seen, and hidden later: the list comes without it, as an ACL makes it.
    stage.proxy.pass();
    secret.next("that it is not there").await;
    let mut later = stage.watch(Key::new("app/later")).await;
    later.next("that it is not there").await;
    stage.agent.put("app/later", "1");
    later.says(&["added app/later=1"]).await;
    stage
        .proxy
        .inject(Rule::always(denied()).for_target("/v1/kv/app/later"));
    stage.agent.delete("app/later");
    stage
        .until_retrying("key:app/later", FailureClass::Denied)
        .await;
    later.has_nothing("it may only be hidden");
    stage.agent.put("app/open", "2");
    open.says(&["updated app/open=1→2"]).await;
}

#[actix::test]
async fn an_outage_shows_in_every_status_and_all_come_back() {
    let stage = rooted(Stage::persistent(), KeyPrefix::new(""));
    let keys: Vec<String> = (0..50).map(|n| format!("k{n}")).collect();
    let mut feeds = Vec::new();
    for key in &keys {
        stage.agent.put(key, "0");
        feeds.push(stage.watch(Key::new(key)).await);
    }
    for feed in &mut feeds {
        feed.next("the first value").await;
    }
    let (events, mut told) = tokio::sync::mpsc::unbounded_channel();
    stage
        .watches
        .send(Observe::all(Listener(events).start()))
        .await
        .unwrap();
    stage.agent.kill();
    stage.until_failing("key:k0").await;
    stage.until_failing("key:k49").await;
    stage.agent.restart();
    stage.agent.put("k3", "1");
    feeds[3].says(&["updated k3=0→1"]).await;
    stage.agent.put("k4", "1");
    feeds[4].says(&["updated k4=0→1"]).await;
    for key in &keys {
        assert!(stage.status(&format!("key:{key}")).await.state.is_live());
    }
    // Live, retrying, live: each watch's observers are told of it as of any other.
    let mut of_k7 = Vec::new();
    while of_k7.len() < 3 {
        let event = tokio::time::timeout(SOON, told.recv())
            .await
            .expect("an event")
            .expect("it listens");
        if event.0 == "key:k7" {
            of_k7.push(event.1);
        }
    }
    assert_eq!(of_k7, ["live", "retrying", "live"]);
    feeds[5].has_nothing("it did not change");
}

/// Hands on the names of watches and of their states.
struct Listener(tokio::sync::mpsc::UnboundedSender<(String, String)>);

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<WatchEvent> for Listener {
    type Result = ();

    fn handle(&mut self, event: WatchEvent, _: &mut Self::Context) {
        if let consul_watch::EventKind::State(state) = &event.kind {
            let _ = self
                .0
                .send((event.path.to_string(), state.name().to_owned()));
        }
    }
}

#[actix::test]
async fn a_reset_to_another_prefix_shows_the_keys_of_that_one() {
    let stage = rooted(Stage::dev(), KeyPrefix::new("app"));
    stage.agent.put("app/a", "1");
    stage.agent.put("blue/app/a", "2");
    let mut a = stage.watch(Key::new("app/a")).await;
    let mut b = stage.watch(Key::new("app/b")).await;
    a.says(&["added app/a=1"]).await;
    assert!(b.next("that it is not there").await.current.is_none());
    let blue = consul_watch::Reset::with(stage.config.clone().with_prefix("blue"));
    stage.watches.send(blue).await.unwrap().unwrap();
    let changed = a.says(&["removed app/a=1", "added blue/app/a=2"]).await;
    assert_eq!(changed.reason, Reason::Resync);
    stage.agent.put("blue/app/b", "3");
    b.says(&["added blue/app/b=3"]).await;
    stage
        .watches
        .send(consul_watch::Reset::new())
        .await
        .unwrap()
        .unwrap();
    stage.agent.put("blue/app/a", "4");
    a.says(&["updated blue/app/a=2→4"]).await;
    b.has_nothing("a reset alone is no news");
}

#[actix::test]
async fn an_agent_that_comes_back_empty_removes_what_is_really_gone() {
    let stage = rooted(Stage::dev(), KeyPrefix::new("app"));
    for turn in 0..50 {
        stage.agent.put("elsewhere", turn.to_string());
    }
    stage.agent.put("app/a", "1");
    stage.agent.put("app/dir/b", "2");
    let mut key = stage.watch(Key::new("app/a")).await;
    let mut dir = stage.watch(KeyPrefix::new("app/dir")).await;
    let mut absent = stage.watch(Key::new("app/absent")).await;
    key.says(&["added app/a=1"]).await;
    dir.says(&["added app/dir/b=2"]).await;
    assert!(absent.next("that it is not there").await.current.is_none());
    for _ in 0..2 {
        stage.agent.restart_empty();
        assert_eq!(key.says(&["removed app/a=1"]).await.reason, Reason::Resync);
        assert_eq!(
            dir.says(&["removed app/dir/b=2"]).await.reason,
            Reason::Resync
        );
        stage.agent.put("app/a", "1");
        key.says(&["added app/a=1"]).await;
        stage.agent.put("app/dir/b", "2");
        dir.says(&["added app/dir/b=2"]).await;
    }
    absent.has_nothing("it never was there");
    stage.agent.put("app/absent", "3");
    absent.says(&["added app/absent=3"]).await;
}

#[actix::test]
async fn the_members_of_a_key_space_are_served_too() {
    let stage = rooted(Stage::dev(), KeyPrefix::new(""));
    stage.agent.put("app/a", "1");
    stage.agent.put("shared", "s");
    let spaces = KeySet::new()
        .prefix(KeyPrefix::new("app"))
        .key(Key::new("shared"));
    let mut feed = stage.watch(spaces).await;
    feed.says(&["added app/a=1", "added shared=s"]).await;
    stage.agent.put("app/b", "2");
    feed.says(&["added app/b=2"]).await;
    stage.agent.delete("shared");
    feed.says(&["removed shared=s"]).await;
    stage.agent.put("app/a", "3");
    feed.says(&["updated app/a=1→3"]).await;
    // One for all of them, and the one by which the removal was confirmed.
    assert!(stage.proxy.open() <= 2, "{:?}", stage.proxy.stats());
    let stopped = stage.watches.send(Stop::all()).await.unwrap();
    assert_eq!(stopped.ended.len(), 4, "{stopped:?}");
    eventually_async(SOON, "that the connection is closed", || {
        stage.proxy.open() == 0
    })
    .await;
}
