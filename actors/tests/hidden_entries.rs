//! Entries that their source no longer shows, in the status of the watches that have them.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue says why")]

mod common;

use common::{
    Merged, Part, Recorder, pass,
    shared::{rooted_on, store_of},
};
use consul_watch_actors::{Ready, Status, Watch, WatchStatus};

#[actix::test]
async fn a_status_names_the_entries_that_the_source_no_longer_shows() {
    let store = store_of(["a", "b", "c"]);
    let watches = rooted_on(0, &store);
    tokio::time::pause();
    let names = |status: &[WatchStatus]| {
        let all = status.iter().map(|status| match &status.hidden {
            Some(hidden) => format!("{} {} {:?}", status.path, hidden.count, hidden.names),
            None => status.path.to_string(),
        });
        all.collect::<Vec<_>>()
    };
    let (subscriber, received) = Recorder::prompt();
    let merged = Merged::of("merged", ["app"]);
    let parts = [
        Part::row("app", "a"),
        Part::row("app", "b"),
        Part::under("app", ""),
    ];
    for part in &parts {
        let watch = Watch::new(part.clone(), subscriber.clone());
        watches.send(watch).await.unwrap().unwrap();
    }
    let (derived, _) = Recorder::prompt();
    let watch = Watch::new(merged.clone(), derived);
    watches.send(watch).await.unwrap().unwrap();
    watches.send(Ready::all()).await.unwrap().unwrap();
    let shown = [
        "folder:app",
        "merged:merged",
        "part:app/*",
        "part:app/a",
        "part:app/b",
    ];
    assert_eq!(names(&watches.send(Status::all()).await.unwrap()), shown);
    let count = received.count();
    store.mark_hidden("app", "b");
    pass(1).await;
    let status = watches.send(Status::all()).await.unwrap();
    let hidden = [
        "folder:app 1 [\"b\"]",
        "merged:merged 1 [\"app.b\"]",
        "part:app/* 1 [\"b\"]",
        "part:app/a",
        "part:app/b 1 [\"b\"]",
    ];
    assert_eq!(names(&status), hidden);
    let text = status[0].to_string();
    assert!(
        text.contains("; 1 entry is hidden for ") && text.ends_with("(b)"),
        "{text}"
    );
    store.put("app", "a", 2);
    pass(1).await;
    assert_eq!(names(&watches.send(Status::all()).await.unwrap()), hidden);
    store.put("app", "b", 1);
    pass(1).await;
    assert_eq!(names(&watches.send(Status::all()).await.unwrap()), shown);
    assert_eq!(received.count(), count + 2, "only `a` has changed");
}
