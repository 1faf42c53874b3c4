//! Keys and prefixes that share the query of a wider prefix: one query for all, and no difference to subscribers.

use consul_watch::{Key, KeyPrefix, KeySet, Reason, Status, Stop, WatchSupervisor, actors::Query};
use consul_watch_harness::{
    DEADLINE, Feed, Fixture, described, eventually_async,
    fixture::{until, watch},
};

pub(crate) async fn watched(fixture: &Fixture) -> Vec<String> {
    let all = fixture.watches.send(Status::all()).await.unwrap();
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
async fn many_keys_under_a_root_are_one_connection_and_each_gets_its_own() {
    let fixture = Fixture::dev().with_root(KeyPrefix::new("app"));
    let keys: Vec<String> = (0..200).map(|n| format!("app/{n}")).collect();
    for key in &keys {
        fixture.agent.put(key, "0");
    }
    let mut feeds = Vec::new();
    for key in &keys {
        feeds.push(fixture.watch(Key::new(key)).await);
    }
    for (key, feed) in keys.iter().zip(&mut feeds) {
        feed.says(&[&format!("added {key}=0")]).await;
    }
    fixture.ready().await;
    for key in &keys {
        fixture.agent.put(key, "1");
    }
    for (key, feed) in keys.iter().zip(&mut feeds) {
        feed.says(&[&format!("updated {key}=0→1")]).await;
    }
    assert_eq!(
        fixture.proxy.stats().accepted,
        1,
        "{:?}",
        fixture.proxy.stats()
    );
    let status = fixture.status("app/7").await;
    assert!(
        status.state.is_live() && status.subscribers == 1 && status.index > 0,
        "{status:?}"
    );
    assert!(
        fixture.status("keyprefix:app").await.state.is_live(),
        "the root shows as a watch of its own"
    );

    let stopped = fixture.watches.send(Stop::all()).await.unwrap();
    // The root has no subscriber of the application.
    assert_eq!((stopped.ended.len(), stopped.subscriptions), (201, 200));
    eventually_async(DEADLINE, "that the connection is closed", || {
        fixture.proxy.open() == 0
    })
    .await;
}

/// Returns all parts of the next delivery.
async fn delivered<Q: Query<Value: consul_watch::Snapshot<Item = consul_watch::KvPair>>>(
    feed: &mut Feed<Q>,
) -> (Vec<String>, u64, Option<u64>, Reason) {
    let changed = feed.next("a delivery to both").await;
    (
        described(&changed),
        changed.index,
        changed.previous_index,
        changed.reason,
    )
}

#[actix::test]
async fn subscribers_get_the_same_as_without_sharing() {
    let alone = Fixture::dev();
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
    assert_eq!(delivered(&mut keys.0).await, delivered(&mut keys.1).await);
    assert_eq!(delivered(&mut dirs.0).await, delivered(&mut dirs.1).await);
    for value in ["2", "", "3"] {
        alone.agent.put("app/a", value);
        assert_eq!(delivered(&mut keys.0).await, delivered(&mut keys.1).await);
        alone.agent.put("app/dir/c", value);
        assert_eq!(delivered(&mut dirs.0).await, delivered(&mut dirs.1).await);
    }
    // Removals are the same, but for the index, which Consul counts per prefix.
    alone.agent.delete("app/a");
    alone.agent.delete("app/dir/b");
    for (one, other) in [
        (delivered(&mut keys.0).await, delivered(&mut keys.1).await),
        (delivered(&mut dirs.0).await, delivered(&mut dirs.1).await),
    ] {
        assert_eq!((one.0, one.2, one.3), (other.0, other.2, other.3));
        assert!(one.1 <= other.1);
    }
    alone.agent.put("app/a", "3");
    let (one, other) = (delivered(&mut keys.0).await, delivered(&mut keys.1).await);
    assert_eq!((one.0, one.1), (other.0, other.1));
    assert_eq!(
        alone.status("key:app/a").await.index,
        until(&rooted, "key:app/a", "live", |_| true).await.index
    );
}

#[actix::test]
async fn a_running_prefix_serves_later_watches_and_continues_for_them() {
    let fixture = Fixture::dev();
    fixture.agent.put("app/web/port", "80");
    let mut all = fixture.watch(KeyPrefix::new("app")).await;
    let mut web = fixture.watch(KeyPrefix::new("app/web")).await;
    let mut port = fixture.watch(Key::new("app/web/port")).await;
    let mut json = fixture.watch(Key::new("app/web/port").json::<u16>()).await;
    let mut other = fixture
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
        fixture.proxy.open(),
        2,
        "one for all of them, and one for the watch that names a datacenter"
    );

    fixture.agent.put("app/web/port", "81");
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

    // Stopped for its own subscriber; the watches that it serves still need it.
    fixture
        .watches
        .send(Stop::query(&KeyPrefix::new("app")))
        .await
        .unwrap();
    fixture.until_live("keyprefix:app").await;
    fixture.agent.put("app/web/port", "82");
    port.says(&["updated app/web/port=81→82"]).await;
    web.says(&["updated app/web/port=81→82"]).await;
    fixture
        .watches
        .send(Stop::query(&KeyPrefix::new("app/web")))
        .await
        .unwrap();
    fixture
        .watches
        .send(Stop::path("app/web/port"))
        .await
        .unwrap();
    assert_eq!(
        watched(&fixture).await,
        Vec::<String>::new(),
        "it ends with the last watch that it serves"
    );
}

#[actix::test]
async fn the_members_of_a_key_set_are_served_too() {
    let fixture = Fixture::dev().with_root(KeyPrefix::new(""));
    fixture.agent.put("app/a", "1");
    fixture.agent.put("shared", "s");
    let spaces = KeySet::new()
        .prefix(KeyPrefix::new("app"))
        .key(Key::new("shared"));
    let mut feed = fixture.watch(spaces).await;
    feed.says(&["added app/a=1", "added shared=s"]).await;
    fixture.agent.put("app/b", "2");
    feed.says(&["added app/b=2"]).await;
    fixture.agent.delete("shared");
    feed.says(&["removed shared=s"]).await;
    fixture.agent.put("app/a", "3");
    feed.says(&["updated app/a=1→3"]).await;
    // One for all of them, and one that confirmed the removal.
    assert!(fixture.proxy.open() <= 2, "{:?}", fixture.proxy.stats());
    let stopped = fixture.watches.send(Stop::all()).await.unwrap();
    assert_eq!(stopped.ended.len(), 4, "{stopped:?}");
    eventually_async(DEADLINE, "that the connection is closed", || {
        fixture.proxy.open() == 0
    })
    .await;
}
