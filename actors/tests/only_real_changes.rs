//! Only real changes are delivered, however often the source answers.

mod common;

use common::{Folder, Mode, Recorder, Store, SupervisorExt, pass, paused, until};
use consul_watch_actors::{Change, Cursor, Reason, Watch};

#[actix::test]
async fn wake_ups_without_a_change_and_writes_of_the_same_value_are_no_news() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    until("the first state arrives", || received.count() == 1).await;
    for value in 0..10 {
        store.put("elsewhere", "a", value);
        pass(2).await;
        store.put("app", "a", 1);
        pass(2).await;
    }
    assert_eq!(received.count(), 1, "nothing of it changed the value");
    assert!(store.asked("app").len() > 10, "the wake-ups did happen");
    store.put("app", "a", 2);
    until("a real change arrives", || received.shows(2)).await;
    assert_eq!(received.count(), 2);
}

#[actix::test]
async fn an_index_that_falls_starts_over_and_the_new_state_is_compared() {
    let store = Store::new();
    for value in 1..=5 {
        store.put("app", "a", value);
    }
    store.put("app", "b", 1);
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    until("the first state arrives", || received.shows(5)).await;
    store.wipe();
    until("the loss arrives", || received.count() == 2).await;
    assert_eq!(received.last().unwrap().changes, ["removed a", "removed b"]);
    until("it asked from the start", || {
        store
            .asked("app")
            .iter()
            .filter(|asked| asked.cursor == Cursor::Start)
            .count()
            == 2
    })
    .await;
    store.put("app", "a", 9);
    until("changes continue", || received.shows(9)).await;
}

#[actix::test]
async fn a_subscribers_view_decides_for_itself_alone() {
    let store = Store::new();
    store.put("app", "a", 10);
    store.put("app", "b", 1);
    let watches = paused(&store);
    let (tens, tens_received) = Recorder::prompt();
    let (only_b, only_b_received) = Recorder::prompt();
    let (all, all_received) = Recorder::prompt();
    let app = || Folder::new("app");
    watches
        .send(Watch::new(app(), tens).project(|row| row.value / 10))
        .await
        .unwrap()
        .unwrap();
    let is_b = |change: &Change<common::Row>| change.item().key == "b";
    watches
        .send(Watch::new(app(), only_b).only(is_b))
        .await
        .unwrap()
        .unwrap();
    watches.watch("app", all).await;
    for received in [&tens_received, &only_b_received, &all_received] {
        until("the first state arrives", || received.count() == 1).await;
    }
    assert_eq!(only_b_received.last().unwrap().changes, ["added b"]);
    store.put("app", "a", 11);
    until("the plain one sees it", || all_received.shows(11)).await;
    pass(2).await;
    assert_eq!(
        (tens_received.count(), only_b_received.count()),
        (1, 1),
        "the others do not care"
    );
    store.put("app", "a", 20);
    until("the projection sees it", || tens_received.shows(20)).await;
    store.put("app", "b", 2);
    until("the predicate sees it", || only_b_received.count() == 2).await;
    assert_eq!(
        only_b_received.last().unwrap().changes,
        ["updated b"],
        "what it does not want is left out"
    );
}

#[actix::test]
async fn a_quiet_period_folds_a_burst_into_its_last_state() {
    let store = Store::new();
    store.put("app", "a", 0);
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    let quiet = std::time::Duration::from_secs(10);
    watches
        .send(Watch::new(Folder::new("app"), subscriber).quiet(quiet))
        .await
        .unwrap()
        .unwrap();
    until("the first state arrives without waiting", || {
        received.shows(0)
    })
    .await;
    for value in 1..=5 {
        store.put("app", "a", value);
        pass(5).await;
    }
    assert_eq!(received.count(), 1, "it is not quiet yet");
    pass(6).await;
    assert_eq!(received.values(), [Some(0), Some(5)]);
    assert_eq!(received.last().unwrap().coalesced, 4);
    // Unrest without an end is cut off after four quiet periods.
    for value in 6..=20 {
        store.put("app", "a", value);
        pass(5).await;
    }
    assert!(
        received.count() >= 3,
        "the longest wait has passed: {:?}",
        received.values()
    );
    pass(50).await;
    assert!(received.shows(20), "the last state always arrives");
    // A change that is taken back within the period is none.
    let count = received.count();
    store.put("app", "a", 21);
    pass(1).await;
    store.put("app", "a", 20);
    pass(60).await;
    assert_eq!(received.count(), count);
}

#[actix::test]
async fn a_quiet_period_without_an_end_is_no_panic() {
    let store = Store::new();
    store.put("app", "a", 0);
    let watches = paused(&store);
    let (patient, patient_received) = Recorder::prompt();
    let (other, other_received) = Recorder::prompt();
    let watch = Watch::new(Folder::new("app"), patient).quiet(std::time::Duration::MAX);
    watches.send(watch).await.unwrap().unwrap();
    watches.watch("app", other).await;
    until("both have the first state", || {
        patient_received.shows(0) && other_received.shows(0)
    })
    .await;
    store.put("app", "a", 1);
    until("the other is notified", || other_received.shows(1)).await;
    assert_eq!(
        watches.status("app").await.unwrap().restarts,
        0,
        "the watcher lives"
    );
    assert_eq!(patient_received.count(), 1);
}

#[actix::test]
async fn a_change_found_after_an_outage_says_so() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    watches.watch("app", subscriber).await;
    until("the first state arrives", || received.shows(1)).await;
    store.mode(
        "app",
        Mode::Fail(consul_watch_actors::FailureClass::Transient),
    );
    pass(5).await;
    store.put("app", "a", 2);
    store.mode("app", Mode::Honest);
    until("the change arrives", || received.shows(2)).await;
    assert_eq!(received.last().unwrap().reason, Reason::Resync);
    store.put("app", "a", 3);
    until("the next change arrives", || received.shows(3)).await;
    assert_eq!(received.last().unwrap().reason, Reason::Change);
}
