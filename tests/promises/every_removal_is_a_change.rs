//! What goes is told like what comes: keys, prefixes, and keys that come back as they were.

use consul_watch::{Key, KeyPrefix};
use consul_watch_harness::TestAgent;

use crate::stage::Stage;

#[actix_rt::test]
async fn a_deleted_key_is_delivered_as_absent() {
    let stage = Stage::dev();
    stage.agent.put("app/port", "1");
    let mut key = stage.watch(Key::new("app/port")).await;
    let mut prefix = stage.watch(KeyPrefix::new("app")).await;
    key.says(&["added app/port=1"]).await;
    prefix.says(&["added app/port=1"]).await;
    stage.agent.delete("app/port");
    assert!(key.says(&["removed app/port=1"]).await.current.is_none());
    assert!(
        prefix
            .says(&["removed app/port=1"])
            .await
            .current
            .is_empty()
    );
    stage.agent.put("app/port", "2");
    key.says(&["added app/port=2"]).await;
    prefix.says(&["added app/port=2"]).await;
}

#[actix_rt::test]
async fn an_emptied_prefix_removes_every_key() {
    let stage = Stage::dev();
    for key in ["app", "app/a", "app/b/c", "other"] {
        stage.agent.put(key, "x");
    }
    let mut feed = stage.watch(KeyPrefix::new("app")).await;
    feed.says(&["added app=x", "added app/a=x", "added app/b/c=x"])
        .await;
    stage.agent.delete_tree("app");
    let all = feed
        .says_in_all(&["removed app=x", "removed app/a=x", "removed app/b/c=x"])
        .await;
    assert!(all.last().expect("there is one").current.is_empty());
    stage.agent.put("app/a", "y");
    feed.says(&["added app/a=y"]).await;
}

/// Whoever uses a key as a sign (a lock, a beacon) has to see that it went, though it is back already.
#[actix_rt::test]
async fn a_key_that_is_deleted_and_made_again_as_it_was_has_changed() {
    let stage = Stage::dev();
    stage.agent.put("app/port", "1");
    let mut key = stage.watch(Key::new("app/port")).await;
    let mut prefix = stage.watch(KeyPrefix::new("app")).await;
    key.says(&["added app/port=1"]).await;
    prefix.says(&["added app/port=1"]).await;

    // It is done while the network is away, so that only the new key is seen.
    stage.cut_off();
    stage.agent.delete("app/port");
    stage.agent.put("app/port", "1");
    stage.proxy.pass();
    key.says(&["updated app/port=1→1"]).await;
    prefix.says(&["updated app/port=1→1"]).await;
}

#[actix_rt::test]
async fn a_folder_is_its_own_key_and_what_is_beneath_and_never_its_neighbour() {
    let stage = Stage::dev();
    stage.agent.put("test2", "x");
    stage.agent.put("test2/a", "x");
    stage.agent.put("test-a", "x");
    let mut folder = stage.watch(KeyPrefix::new("test")).await;
    let mut beneath = stage.watch(KeyPrefix::new("test/")).await;
    let mut raw = stage.watch(KeyPrefix::raw("test")).await;
    assert!(folder.next("the first delivery").await.current.is_empty());
    assert!(beneath.next("the first delivery").await.current.is_empty());
    raw.says(&["added test-a=x", "added test2=x", "added test2/a=x"])
        .await;

    stage.agent.put("test", "1");
    folder.says(&["added test=1"]).await;
    raw.says(&["added test=1"]).await;
    stage.agent.put("test/a", "1");
    folder.says(&["added test/a=1"]).await;
    beneath.says(&["added test/a=1"]).await;
    raw.says(&["added test/a=1"]).await;
    stage.agent.delete("test2");
    raw.says(&["removed test2=x"]).await;
    stage.agent.delete("test");
    raw.says(&["removed test=1"]).await;
    folder.says(&["removed test=1"]).await;
    stage.agent.delete("test/a");
    folder.says(&["removed test/a=1"]).await;
    beneath.says(&["removed test/a=1"]).await;
}

#[actix_rt::test]
async fn everything_beneath_the_prefix_is_the_empty_path() {
    let stage = Stage::of(TestAgent::dev(), |config| config.with_prefix("kvTest"));
    stage.agent.put("kvTest", "no");
    stage.agent.put("kvTest2/a", "no");
    stage.agent.put("kvTest/a", "yes");
    let mut all = stage.watch(KeyPrefix::new("")).await;
    let mut one = stage.watch(Key::new("a")).await;
    all.says(&["added kvTest/a=yes"]).await;
    one.says(&["added kvTest/a=yes"]).await;
    stage.agent.delete_tree("kvTest");
    all.says(&["removed kvTest/a=yes"]).await;
    one.says(&["removed kvTest/a=yes"]).await;
}
