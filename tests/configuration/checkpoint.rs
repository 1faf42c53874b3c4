//! A checkpoint: after a restart of the application, the first update comes only if the content differs.

use consul_watch::{
    Key, KeyPrefix, Stop,
    checkpoint::{CheckpointError, CheckpointFile},
};
use consul_watch_harness::{DEADLINE, Feed, Fixture, eventually_async, fixture::supervisor};

/// Starts one run of an application.
async fn run(fixture: &Fixture, file: &CheckpointFile) -> Feed<KeyPrefix> {
    let feed = Feed::start();
    let watch = file
        .watch(KeyPrefix::new("app"), feed.address.clone())
        .expect("a checkpoint of this watch");
    fixture.watches.send(watch).await.unwrap().unwrap();
    feed
}

#[actix::test]
async fn a_seen_state_is_not_delivered_again() {
    let mut fixture = Fixture::dev();
    let folder = tempfile::tempdir().unwrap();
    let file = CheckpointFile::new(folder.path().join("app.checkpoint"));
    assert_eq!(file.load().unwrap(), None);

    fixture.agent.put("app/a", b"1");
    let mut first = run(&fixture, &file).await;
    first.says(&["added app/a=1"]).await;
    eventually_async(DEADLINE, "the checkpoint", || {
        file.load().is_ok_and(|seen| seen.is_some())
    })
    .await;
    fixture.watches.send(Stop::all()).await.unwrap();

    // The application starts again: nothing has changed, so the marker is its first delivery.
    fixture.watches = supervisor(&fixture.config);
    let mut second = run(&fixture, &file).await.of_changes_only();
    fixture.ready().await;
    fixture.agent.put("app/b", b"2");
    second.says(&["added app/b=2"]).await;
    let seen = fixture.agent.entry("app/b").unwrap().modify_index;
    eventually_async(DEADLINE, "the checkpoint", || {
        file.load()
            .is_ok_and(|kept| kept.is_some_and(|kept| kept.index() >= seen))
    })
    .await;
    fixture.watches.send(Stop::all()).await.unwrap();

    let before = file.load().unwrap();

    // While it does not run, one key changes and another is written again.
    fixture.agent.put("app/a", b"1");
    fixture.agent.delete("app/b");
    fixture.watches = supervisor(&fixture.config);
    let mut third = run(&fixture, &file).await;
    third.says(&["added app/a=1"]).await;
    eventually_async(DEADLINE, "the checkpoint, and no half-written one", || {
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

    std::fs::write(
        file.path(),
        r#"{"watch":"key:b","index":1,"salt":"","digest":""}"#,
    )
    .unwrap();
    let refused = file
        .watch(Key::new("a"), Feed::<Key>::start().address)
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("key:b") && refused.contains("key:a"),
        "{refused}"
    );
}
