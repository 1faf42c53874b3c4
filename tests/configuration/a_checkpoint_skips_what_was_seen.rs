//! A checkpoint's promise: after a restart of the application the first update comes only if the content
//! differs.

use consul_watch::{
    Key, KeyPrefix, Stop,
    checkpoint::{CheckpointError, CheckpointFile},
};
use consul_watch_harness::eventually_async;

use crate::{
    recorder::{Feed, SOON},
    stage::{Stage, supervisor},
};

/// Starts one run of an application.
async fn run(stage: &Stage, file: &CheckpointFile) -> Feed<KeyPrefix> {
    let feed = Feed::start();
    let watch = file
        .watch(KeyPrefix::new("app"), feed.address.clone())
        .expect("a checkpoint of this watch");
    stage.watches.send(watch).await.unwrap().unwrap();
    feed
}

#[actix::test]
async fn what_was_seen_is_not_delivered_again() {
    let mut stage = Stage::dev();
    let folder = tempfile::tempdir().unwrap();
    let file = CheckpointFile::new(folder.path().join("app.checkpoint"));
    assert_eq!(file.load().unwrap(), None);

    stage.agent.put("app/a", b"1");
    let mut first = run(&stage, &file).await;
    first.says(&["added app/a=1"]).await;
    eventually_async(SOON, "the checkpoint", || {
        file.load().is_ok_and(|seen| seen.is_some())
    })
    .await;
    stage.watches.send(Stop::all()).await.unwrap();

    // The application starts again: nothing has changed, so the marker is its first delivery.
    stage.watches = supervisor(&stage.config);
    let mut second = run(&stage, &file).await.of_changes_only();
    stage.ready().await;
    stage.agent.put("app/b", b"2");
    second.says(&["added app/b=2"]).await;
    let seen = stage.agent.entry("app/b").unwrap().modify_index;
    eventually_async(SOON, "the checkpoint", || {
        file.load()
            .is_ok_and(|kept| kept.is_some_and(|kept| kept.index() >= seen))
    })
    .await;
    stage.watches.send(Stop::all()).await.unwrap();

    let before = file.load().unwrap();

    // While it is away something changes and something else is only written again.
    stage.agent.put("app/a", b"1");
    stage.agent.delete("app/b");
    stage.watches = supervisor(&stage.config);
    let mut third = run(&stage, &file).await;
    third.says(&["added app/a=1"]).await;
    eventually_async(SOON, "the checkpoint, and no half-written one", || {
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        files == 1 && file.load().is_ok_and(|kept| kept != before)
    })
    .await;
}

#[actix::test]
async fn a_file_of_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = CheckpointFile::new(folder.path().join("x"));
    std::fs::write(file.path(), "hello").unwrap();
    let refused = file
        .watch(Key::new("a"), Feed::<Key>::start().address)
        .unwrap_err();
    assert!(
        matches!(refused, CheckpointError::NotACheckpoint { .. }),
        "{refused}"
    );

    std::fs::write(file.path(), r#"{"watch":"key:b","index":1,"digest":""}"#).unwrap();
    let refused = file
        .watch(Key::new("a"), Feed::<Key>::start().address)
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("key:b") && refused.contains("key:a"),
        "{refused}"
    );
}
