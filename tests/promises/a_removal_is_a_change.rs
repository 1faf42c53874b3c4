//! A removal is delivered as a change: of keys, of prefixes, and of keys that are created again as they were.

use consul_watch::{Key, KeyPrefix};
use consul_watch_harness::{Fixture, TestAgent};

#[actix_rt::test]
async fn a_deleted_key_is_delivered_as_absent() {
    let fixture = Fixture::dev();
    fixture.agent.put("app/port", "1");
    let mut key = fixture.watch(Key::new("app/port")).await;
    let mut prefix = fixture.watch(KeyPrefix::new("app")).await;
    key.says(&["added app/port=1"]).await;
    prefix.says(&["added app/port=1"]).await;
    fixture.agent.delete("app/port");
    assert!(key.says(&["removed app/port=1"]).await.current.is_none());
    assert!(
        prefix
            .says(&["removed app/port=1"])
            .await
            .current
            .is_empty()
    );
    fixture.agent.put("app/port", "2");
    key.says(&["added app/port=2"]).await;
    prefix.says(&["added app/port=2"]).await;
}

#[actix_rt::test]
async fn an_emptied_prefix_removes_every_key() {
    let fixture = Fixture::dev();
    for key in ["app", "app/a", "app/b/c", "other"] {
        fixture.agent.put(key, "x");
    }
    let mut feed = fixture.watch(KeyPrefix::new("app")).await;
    feed.says(&["added app=x", "added app/a=x", "added app/b/c=x"])
        .await;
    fixture.agent.delete_tree("app");
    let all = feed
        .says_in_all(&["removed app=x", "removed app/a=x", "removed app/b/c=x"])
        .await;
    assert!(all.last().expect("there is one").current.is_empty());
    fixture.agent.put("app/a", "y");
    feed.says(&["added app/a=y"]).await;
}

/// A key that is used as a lock or a beacon has gone meanwhile, though it is back already.
#[actix_rt::test]
async fn a_key_that_is_deleted_and_made_again_as_it_was_has_changed() {
    let fixture = Fixture::dev();
    fixture.agent.put("app/port", "1");
    let mut key = fixture.watch(Key::new("app/port")).await;
    let mut prefix = fixture.watch(KeyPrefix::new("app")).await;
    key.says(&["added app/port=1"]).await;
    prefix.says(&["added app/port=1"]).await;

    // It is done while the network is away, so that only the new key is seen.
    fixture.cut_off();
    fixture.agent.delete("app/port");
    fixture.agent.put("app/port", "1");
    fixture.proxy.pass();
    key.says(&["updated app/port=1→1"]).await;
    prefix.says(&["updated app/port=1→1"]).await;
}

#[actix_rt::test]
async fn a_folder_is_its_key_and_its_content_and_never_its_neighbor() {
    let fixture = Fixture::dev();
    fixture.agent.put("test2", "x");
    fixture.agent.put("test2/a", "x");
    fixture.agent.put("test-a", "x");
    let mut folder = fixture.watch(KeyPrefix::new("test")).await;
    let mut inside = fixture.watch(KeyPrefix::new("test/")).await;
    let mut raw = fixture.watch(KeyPrefix::raw("test")).await;
    assert!(folder.next("the first delivery").await.current.is_empty());
    assert!(inside.next("the first delivery").await.current.is_empty());
    raw.says(&["added test-a=x", "added test2=x", "added test2/a=x"])
        .await;

    fixture.agent.put("test", "1");
    folder.says(&["added test=1"]).await;
    raw.says(&["added test=1"]).await;
    fixture.agent.put("test/a", "1");
    folder.says(&["added test/a=1"]).await;
    inside.says(&["added test/a=1"]).await;
    raw.says(&["added test/a=1"]).await;
    fixture.agent.delete("test2");
    raw.says(&["removed test2=x"]).await;
    fixture.agent.delete("test");
    raw.says(&["removed test=1"]).await;
    folder.says(&["removed test=1"]).await;
    fixture.agent.delete("test/a");
    folder.says(&["removed test/a=1"]).await;
    inside.says(&["removed test/a=1"]).await;
}

#[actix_rt::test]
async fn the_empty_path_is_everything_in_the_prefix() {
    let fixture = Fixture::of(TestAgent::dev(), |config| config.with_prefix("kvTest"));
    fixture.agent.put("kvTest", "no");
    fixture.agent.put("kvTest2/a", "no");
    fixture.agent.put("kvTest/a", "yes");
    let mut all = fixture.watch(KeyPrefix::new("")).await;
    let mut one = fixture.watch(Key::new("a")).await;
    all.says(&["added kvTest/a=yes"]).await;
    one.says(&["added kvTest/a=yes"]).await;
    fixture.agent.delete_tree("kvTest");
    all.says(&["removed kvTest/a=yes"]).await;
    one.says(&["removed kvTest/a=yes"]).await;
}
