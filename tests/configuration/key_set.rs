//! Several keys and prefixes are one value, with one message per change.

use consul_watch::{Key, KeyPrefix, KeySet, Status, Stop};
use consul_watch_harness::{DEADLINE, Fixture, Refusal};

fn spaces() -> KeySet {
    KeySet::new()
        .prefix(KeyPrefix::new("app"))
        .prefix(KeyPrefix::new("db"))
        .key(Key::new("shared"))
}

#[actix::test]
async fn one_value_of_all_and_one_message_per_change() {
    let fixture = Fixture::dev();
    fixture.agent.put("app/a", b"1");
    fixture.agent.put("shared", b"s");
    let mut feed = fixture.watch(spaces()).await;
    feed.says(&["added app/a=1", "added shared=s"]).await;
    fixture.agent.put("db/url", b"pg");
    feed.says(&["added db/url=pg"]).await;
    fixture.agent.put("app/a", b"2");
    feed.says(&["updated app/a=1→2"]).await;
    fixture.agent.delete("shared");
    feed.says(&["removed shared=s"]).await;
    // A neighbor is no member; the next delivery is the marker after it.
    fixture.agent.put("app2", b"x");
    fixture.agent.put("shared", b"t");
    feed.says(&["added shared=t"]).await;
}

#[actix::test]
async fn without_members_it_is_empty_at_once() {
    let fixture = Fixture::dev();
    let mut feed = fixture.watch(KeySet::new()).await;
    assert!(feed.next("an empty value").await.current.is_empty());
}

#[actix::test]
async fn ready_only_when_every_member_has_answered() {
    let fixture = Fixture::dev();
    fixture.proxy.refuse(Refusal::Closed);
    let mut feed = fixture.watch(spaces()).await;
    let all = "keyset:keyprefix:app,keyprefix:db,key:shared";
    fixture
        .until(all, "that a member was refused", |status| {
            status.state.name() == "retrying"
        })
        .await;
    feed.has_nothing("no member has answered");
    fixture.proxy.pass();
    fixture.ready().await;
    assert!(feed.next("the first value").await.current.is_empty());
}

#[actix::test]
async fn members_are_shared_and_end_with_the_last_watch_that_needs_them() {
    let fixture = Fixture::dev();
    let mut alone = fixture.watch(KeyPrefix::new("app")).await;
    let mut all = fixture.watch(spaces()).await;
    alone.next("the prefix").await;
    all.next("all of them").await;
    fixture.proxy.until_open(3, DEADLINE).await;

    // The member is stopped for its own subscriber, and continues for the key set.
    fixture
        .watches
        .send(Stop::path("keyprefix:app"))
        .await
        .unwrap();
    fixture.agent.put("app/a", b"1");
    all.says(&["added app/a=1"]).await;
    alone.has_nothing("it was stopped");

    let stopped = fixture.watches.send(Stop::query(&spaces())).await.unwrap();
    assert_eq!(stopped.ended.len(), 1);
    assert!(
        fixture
            .watches
            .send(Status::all())
            .await
            .unwrap()
            .is_empty(),
        "the members have ended with it"
    );
    fixture.proxy.until_open(0, DEADLINE).await;
}

#[actix::test]
async fn a_reset_repeats_nothing() {
    let fixture = Fixture::dev();
    fixture.agent.put("app/a", b"1");
    let mut feed = fixture.watch(spaces()).await;
    feed.says(&["added app/a=1"]).await;
    fixture
        .watches
        .send(consul_watch::Reset::new())
        .await
        .unwrap()
        .unwrap();
    fixture.ready().await;
    fixture.agent.put("app/a", b"2");
    feed.says(&["updated app/a=1→2"]).await;
}
