//! Checkpointed subscriptions, by a paused clock.

mod recorder;
mod store;

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use consul_watch_actors::{
    Changed, Query, Ready, Stop, SubscriptionId, Watch, WatchError, WatchSupervisor,
};
use tempfile::TempDir;
use tokio::{sync::Semaphore, time::Instant};

use self::{
    recorder::{Behavior, Occupy, Received, Recorder},
    store::{Events, Pairs, Store},
};
use super::CheckpointFile;

/// The time to wait for a condition, by the paused clock.
const DEADLINE: Duration = Duration::from_secs(100);

/// A source, and a folder for the checkpoint of one subscription.
struct Fixture {
    store: Store,
    watches: Addr<WatchSupervisor<Store>>,
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        tokio::time::pause();
        let store = Store::new();
        Self {
            watches: store.supervise(),
            store,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn file(&self) -> CheckpointFile {
        CheckpointFile::new(self.folder.path().join("app.checkpoint"))
    }

    /// The file's text; empty without a file.
    fn text(&self) -> String {
        std::fs::read_to_string(self.file().path()).unwrap_or_default()
    }

    fn watch<Q>(&self, query: Q, recorder: &Addr<Recorder>) -> Watch<Q>
    where
        Q: Query<Source = Store, Value: consul_watch_actors::Snapshot<Item: serde::Serialize>>,
        Recorder: Handler<Changed<Q>>,
    {
        self.file().watch(query, recorder.clone()).unwrap()
    }

    async fn send<Q: Query<Source = Store>>(
        &self,
        watch: Watch<Q>,
    ) -> Result<SubscriptionId, WatchError> {
        self.watches.send(watch).await.unwrap()
    }

    async fn subscribe(&self, recorder: &Addr<Recorder>) {
        self.send(self.watch(Pairs, recorder)).await.unwrap();
    }

    async fn stop(&self) {
        self.watches.send(Stop::all()).await.unwrap();
    }

    /// Waits until the file says that this update was handled.
    async fn until_handled(&self, index: u64) {
        until("the checkpoint", || {
            let seen = self.file().load().unwrap();
            seen.is_some_and(|seen| seen.index() == index && !seen.begun)
        })
        .await;
    }

    /// Ends the application, and starts it again after a while.
    fn restart(&mut self) {
        self.watches = self.store.supervise();
    }
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Lets paused time pass: everything that can happen in it happens.
async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[actix::test]
async fn stop_takes_back_what_waits_in_the_subscribers_mailbox() {
    let app = Fixture::new();
    app.store.put("a", 1);
    let (busy, received) = Recorder::start(Behavior::Prompt);
    app.subscribe(&busy).await;
    until("the first state", || received.all() == [[1]]).await;
    app.until_handled(2).await;
    let gate = Arc::new(Semaphore::new(0));
    busy.do_send(Occupy(Arc::clone(&gate)));
    app.store.put("a", 2);
    pass(1).await;
    app.stop().await;
    gate.add_permits(1);
    pass(5).await;
    assert_eq!(
        received.all(),
        [[1]],
        "the update that waited is taken back"
    );
}

#[actix::test]
async fn stop_takes_back_what_waits_on_another_thread_before_its_reply() {
    let app = Fixture::new();
    tokio::time::resume();
    app.store.put("a", 1);
    let arbiter = Arbiter::new();
    let (recorder, received) = Recorder::new(Behavior::Prompt);
    let busy = Recorder::start_in_arbiter(&arbiter.handle(), |_| recorder);
    app.subscribe(&busy).await;
    app.until_handled(2).await;
    let (blocked, open) = std::sync::mpsc::channel::<()>();
    // Blocked as a whole, so that nothing on that thread could take a message back.
    arbiter.spawn_fn(move || open.recv().unwrap_or_default());
    app.store.put("a", 2);
    until("the update to be begun", || app.text().contains("begun")).await;
    app.stop().await;
    drop(blocked);
    // The answer comes behind what was in the mailbox.
    busy.send(Occupy(Arc::new(Semaphore::new(1))))
        .await
        .unwrap();
    assert_eq!(
        received.all(),
        [[1]],
        "the update that waited is taken back"
    );
    arbiter.stop();
}

#[actix::test]
async fn nothing_is_delivered_after_stop_to_a_subscriber_that_fails() {
    let app = Fixture::new();
    app.store.put("a", 2);
    let (failing, received) = Recorder::supervised(Behavior::RestartsAt(2));
    app.subscribe(&failing).await;
    until("the bad update", || received.count() == 1).await;
    app.stop().await;
    let before = received.count();
    pass(3600).await;
    assert_eq!(
        received.count(),
        before,
        "nothing is delivered after the reply"
    );
}

#[actix::test]
async fn no_checkpoint_is_written_after_stop() {
    let app = Fixture::new();
    app.store.put("a", 1);
    let gate = Arc::new(Semaphore::new(1));
    let (slow, received) = Recorder::start(Behavior::Gated(Arc::clone(&gate)));
    app.subscribe(&slow).await;
    app.until_handled(2).await;
    app.store.put("a", 2);
    until("the second update", || received.all() == [[1], [2]]).await;
    app.stop().await;
    let before = app.text();
    gate.add_permits(1);
    pass(5).await;
    assert_eq!(app.text(), before, "its handler finished after the reply");
    assert_eq!(std::fs::read_dir(app.folder.path()).unwrap().count(), 1);
}

#[actix::test]
async fn the_latest_arrives_although_an_older_update_fails() {
    let app = Fixture::new();
    app.store.put("a", 1);
    let (failing, received) = Recorder::supervised(Behavior::RestartsAt(2));
    app.subscribe(&failing).await;
    app.until_handled(2).await;
    app.store.put("a", 2);
    // It may have come again by the time that this is looked at.
    until("the bad update", || received.count() >= 2).await;
    app.store.put("a", 3);
    until("the latest state", || {
        received.all().last() == Some(&vec![3])
    })
    .await;
    app.until_handled(4).await;
}

#[actix::test]
async fn what_was_begun_before_a_crash_is_made_good_after_it() {
    let mut app = Fixture::new();
    app.store.put("a", 1);
    let (crashing, received) = Recorder::start(Behavior::HangsAt(2));
    app.subscribe(&crashing).await;
    app.until_handled(2).await;
    app.store.put("a", 2);
    until("the second update", || received.all() == [[1], [2]]).await;
    // The crash: the handler of 2 never ends, and nothing more is written. Meanwhile the value goes back.
    app.restart();
    app.store.put("a", 1);
    let (recorder, received) = Recorder::start(Behavior::Prompt);
    app.subscribe(&recorder).await;
    until("the state that holds", || received.all() == [[1]]).await;
    app.until_handled(4).await;
    // The next restart finds nothing open.
    app.restart();
    let (recorder, received) = Recorder::start(Behavior::Prompt);
    app.subscribe(&recorder).await;
    app.watches.send(Ready::all()).await.unwrap().unwrap();
    pass(60).await;
    assert_eq!(
        received.count(),
        0,
        "what was handled is not delivered again"
    );
}

async fn what_it_leaves_out_is_no_news_after_a_restart(
    view: impl Fn(Watch<Pairs>) -> Watch<Pairs>,
) {
    let mut app = Fixture::new();
    app.store.put("a", 1);
    app.store.put("b", 1);
    let (recorder, received) = Recorder::start(Behavior::Prompt);
    let watch = view(app.watch(Pairs, &recorder));
    app.send(watch).await.unwrap();
    app.until_handled(3).await;
    for value in 2..10 {
        app.store.put("a", value);
        pass(u64::from(value % 2 == 0)).await;
    }
    app.until_handled(11).await;
    assert_eq!(received.count(), 1, "left out");
    app.stop().await;
    app.restart();
    let (recorder, received) = Recorder::start(Behavior::Prompt);
    let watch = view(app.watch(Pairs, &recorder));
    app.send(watch).await.unwrap();
    app.watches.send(Ready::all()).await.unwrap().unwrap();
    pass(60).await;
    assert_eq!(received.count(), 0, "nothing has changed that it looks at");
}

#[actix::test]
async fn what_a_projection_leaves_out_is_no_news_after_a_restart() {
    what_it_leaves_out_is_no_news_after_a_restart(|watch| watch.project(|pair| pair.key.clone()))
        .await;
}

#[actix::test]
async fn what_a_predicate_leaves_out_is_no_news_after_a_restart() {
    what_it_leaves_out_is_no_news_after_a_restart(|watch| {
        watch.only(|change| change.item().key != "a")
    })
    .await;
}

#[actix::test]
async fn no_checkpoint_of_a_skipped_state_is_written_after_stop() {
    let app = Fixture::new();
    app.store.put("a", 1);
    let (recorder, _) = Recorder::start(Behavior::Prompt);
    let watch = app.watch(Pairs, &recorder).project(|pair| pair.key.clone());
    app.send(watch).await.unwrap();
    app.until_handled(2).await;
    app.store.put("a", 2);
    app.until_handled(3).await;
    // Within the pause after that write.
    app.store.put("a", 3);
    tokio::time::sleep(Duration::from_millis(100)).await;
    app.stop().await;
    pass(60).await;
    assert_eq!(app.file().load().unwrap().unwrap().index(), 3);
}

#[actix::test]
async fn a_change_while_the_application_was_away_counts_with_changes_only() {
    let mut app = Fixture::new();
    app.store.put("a", 1);
    let (recorder, received) = Recorder::start(Behavior::Prompt);
    let watch = app.file().watch_changes(Pairs, recorder).unwrap();
    app.send(watch).await.unwrap();
    app.until_handled(0).await;
    assert_eq!(received.count(), 0, "the state found at the start");
    app.stop().await;
    app.restart();
    app.store.put("a", 2);
    for expected in [&[vec![2]][..], &[]] {
        let (recorder, received) = Recorder::start(Behavior::Prompt);
        let watch = app.file().watch_changes(Pairs, recorder).unwrap();
        app.send(watch).await.unwrap();
        app.watches.send(Ready::all()).await.unwrap().unwrap();
        pass(60).await;
        assert_eq!(received.all(), expected);
        app.until_handled(3).await;
        app.stop().await;
        app.restart();
    }
}

#[actix::test]
async fn an_actor_has_one_subscription_by_one_file() {
    let app = Fixture::new();
    app.store.put("a", 1);
    let (recorder, received) = Recorder::start(Behavior::Prompt);
    let first = app.send(app.watch(Pairs, &recorder)).await.unwrap();
    let again = app.send(app.watch(Pairs, &recorder)).await;
    assert!(
        matches!(again, Err(WatchError::AlreadyWatching { subscription, .. }) if subscription == first),
        "{again:?}"
    );
    app.until_handled(2).await;
    app.store.put("a", 2);
    app.until_handled(3).await;
    assert_eq!(received.all(), [[1], [2]]);
    app.stop().await;
    app.send(app.watch(Pairs, &recorder)).await.unwrap();
    app.store.put("a", 3);
    until("the next change", || received.all() == [[1], [2], [3]]).await;
}

#[actix::test]
async fn after_a_restart_only_new_events_are_changes() {
    let mut app = Fixture::new();
    app.store.fire_up_to(2);
    let (recorder, received) = Recorder::start(Behavior::Prompt);
    app.send(app.watch(Events, &recorder)).await.unwrap();
    until("the first events", || received.all() == [[0, 1, 2]]).await;
    // The agent forgets the oldest ones.
    app.store.fire_up_to(299);
    until("the others", || received.count() == 2).await;
    app.until_handled(3).await;
    app.stop().await;

    app.restart();
    let (recorder, received) = Recorder::start(Behavior::Prompt);
    app.send(app.watch(Events, &recorder)).await.unwrap();
    app.watches.send(Ready::all()).await.unwrap().unwrap();
    pass(60).await;
    assert_eq!(received.count(), 0, "nothing has happened between the two");
    app.stop().await;

    app.restart();
    app.store.fire_up_to(301);
    let (recorder, received) = Recorder::start(Behavior::Prompt);
    app.send(app.watch(Events, &recorder)).await.unwrap();
    until("the new events", || received.all() == [[300, 301]]).await;
    app.until_handled(4).await;
}

#[actix::test]
async fn a_checkpoint_that_cannot_be_written_holds_up_no_update() {
    let app = Fixture::new();
    app.store.put("a", 1);
    let (recorder, received) = Recorder::start(Behavior::Prompt);
    app.subscribe(&recorder).await;
    app.until_handled(2).await;
    std::fs::remove_dir_all(app.folder.path()).unwrap();
    app.store.put("a", 2);
    until("the next change", || received.all() == [[1], [2]]).await;
    std::fs::create_dir(app.folder.path()).unwrap();
    app.store.put("a", 3);
    app.until_handled(4).await;
}

#[actix::test]
async fn a_subscription_ends_with_its_subscriber() {
    let app = Fixture::new();
    app.store.put("a", 1);
    let (recorder, received) = Recorder::start(Behavior::Prompt);
    let watch = app.file().watch(Pairs, recorder.downgrade()).unwrap();
    app.send(watch).await.unwrap();
    app.until_handled(2).await;
    let handles: Received = received.clone();
    drop(recorder);
    until("the end of the actor", || handles.is_alone()).await;
    app.store.put("a", 2);
    let statuses = || app.watches.send(consul_watch_actors::Status::all());
    pass(60).await;
    assert!(statuses().await.unwrap().is_empty(), "the watch has ended");
    assert_eq!(app.file().load().unwrap().unwrap().index(), 2);
}
