//! Several keys and prefixes are one value, with one message per change.

use consul_watch::{Key, KeyPrefix, KeySet, Status, Stop};
use consul_watch_harness::Refusal;

use crate::stage::Stage;

fn spaces() -> KeySet {
    KeySet::new()
        .prefix(KeyPrefix::new("app"))
        .prefix(KeyPrefix::new("db"))
        .key(Key::new("shared"))
}

#[actix::test]
async fn one_value_of_all_and_one_message_per_change() {
    let stage = Stage::dev();
    stage.agent.put("app/a", b"1");
    stage.agent.put("shared", b"s");
    let mut feed = stage.watch(spaces()).await;
    feed.says(&["added app/a=1", "added shared=s"]).await;
    stage.agent.put("db/url", b"pg");
    feed.says(&["added db/url=pg"]).await;
    stage.agent.put("app/a", b"2");
    feed.says(&["updated app/a=1→2"]).await;
    stage.agent.delete("shared");
    feed.says(&["removed shared=s"]).await;
    // A neighbour is none of them; the next delivery is of the marker after it.
    stage.agent.put("app2", b"x");
    stage.agent.put("shared", b"t");
    feed.says(&["added shared=t"]).await;
}

#[actix::test]
async fn without_members_it_is_empty_at_once() {
    let stage = Stage::dev();
    let mut feed = stage.watch(KeySet::new()).await;
    assert!(feed.next("an empty value").await.current.is_empty());
}

#[actix::test]
async fn ready_only_when_every_member_has_answered() {
    let stage = Stage::dev();
    stage.proxy.refuse(Refusal::Closed);
    let mut feed = stage.watch(spaces()).await;
    let all = "keyset:keyprefix:app,keyprefix:db,key:shared";
    stage
        .until(all, "that a member was refused", |status| {
            status.state.name() == "retrying"
        })
        .await;
    feed.has_nothing("no member has answered");
    stage.proxy.pass();
    stage.ready().await;
    assert!(feed.next("the first value").await.current.is_empty());
}

#[actix::test]
async fn members_are_shared_and_end_with_the_last_who_needs_them() {
    let stage = Stage::dev();
    let mut alone = stage.watch(KeyPrefix::new("app")).await;
    let mut all = stage.watch(spaces()).await;
    alone.next("the prefix").await;
    all.next("all of them").await;
    stage.proxy.until_open(3, crate::recorder::SOON).await;

    // The member is stopped for its own subscriber, and goes on for what is made of it.
    stage
        .watches
        .send(Stop::path("keyprefix:app"))
        .await
        .unwrap();
    stage.agent.put("app/a", b"1");
    all.says(&["added app/a=1"]).await;
    alone.has_nothing("it was stopped");

    let stopped = stage.watches.send(Stop::query(&spaces())).await.unwrap();
    assert_eq!(stopped.ended.len(), 1);
    assert!(
        stage.watches.send(Status::all()).await.unwrap().is_empty(),
        "the members have ended with it"
    );
    stage.proxy.until_open(0, crate::recorder::SOON).await;
}

#[actix::test]
async fn a_reset_repeats_nothing() {
    let stage = Stage::dev();
    stage.agent.put("app/a", b"1");
    let mut feed = stage.watch(spaces()).await;
    feed.says(&["added app/a=1"]).await;
    stage
        .watches
        .send(consul_watch::Reset::new())
        .await
        .unwrap()
        .unwrap();
    stage.ready().await;
    stage.agent.put("app/a", b"2");
    feed.says(&["updated app/a=1→2"]).await;
}
