//! Resets, failures and panics of a derived watch and of its inputs.

use std::time::Duration;

use consul_watch_actors::{FailureClass, Observe, Ready, ReadyError, Reason, Reset, Stop};

use crate::common::{
    Events, Merged, Mode, Rows, Store, SupervisorExt, merged::PANIC_VALUE, pass, paused, until,
};
use crate::{begin, shows, status, watched};

#[actix::test]
async fn a_reset_repeats_nothing_and_what_it_finds_is_a_resync() {
    let store = Store::new();
    store.put("x", "a", 1);
    let watches = paused(&store);
    let (_, received, _) = begin(&watches, &Merged::of("both", ["x", "y"])).await;
    until("it begins", || shows(&received, [("x.a", 1)])).await;
    for _ in 0..10 {
        assert_eq!(watches.send(Reset::new()).await.unwrap().unwrap(), 3);
        pass(1).await;
    }
    assert_eq!(received.count(), 1);
    store.put("x", "a", 2);
    until("the change arrives", || shows(&received, [("x.a", 2)])).await;
    assert_eq!(
        received.last().unwrap().reason,
        Reason::Change,
        "the break was over before it"
    );
    let other = Store::new();
    other.put("x", "a", 3);
    watches.send(Reset::with(other)).await.unwrap().unwrap();
    until("the other source's value arrives", || {
        shows(&received, [("x.a", 3)])
    })
    .await;
    pass(5).await;
    assert_eq!(
        (received.count(), received.last().unwrap().reason),
        (3, Reason::Resync)
    );
    assert_eq!(store.open(), 0, "and the old one is left alone");
}

#[actix::test]
async fn a_failing_input_is_reported_once_and_so_is_its_recovery() {
    let store = Store::new();
    store.put("x", "a", 1);
    let watches = paused(&store);
    let both = Merged::of("both", ["x", "y", "z"]);
    let (_, received, _) = begin(&watches, &both).await;
    until("it begins", || received.count() == 1).await;
    let (observer, events) = Events::start_new();
    watches.send(Observe::path("both", observer)).await.unwrap();
    store.mode("x", Mode::Fail(FailureClass::Transient));
    pass(30).await;
    assert_eq!(events.names(), ["live", "retrying"]);
    store.mode("y", Mode::Fail(FailureClass::Denied));
    pass(30).await;
    let told = events.all().len();
    // The others continue, and each of their values is no reason to tell of the trouble again.
    for value in 1..50 {
        store.put("z", "a", value);
        until("the change arrives", || {
            shows(&received, [("x.a", 1), ("z.a", value)])
        })
        .await;
    }
    assert_eq!(events.all().len(), told, "{:?}", events.all());
    store.mode("y", Mode::Honest);
    store.mode("x", Mode::Honest);
    pass(30).await;
    assert_eq!(
        events
            .names()
            .iter()
            .filter(|name| **name == "live")
            .count(),
        2
    );
    assert_eq!(*events.names().last().unwrap(), "live");
    assert_eq!(received.count(), 50);
}

#[actix::test]
async fn an_invalid_input_is_reported_and_a_reset_recovers_it() {
    let store = Store::new();
    store.put("x", "a", 1);
    store.mode("y", Mode::Fail(FailureClass::Invalid));
    let watches = paused(&store);
    let both = Merged::of("both", ["x", "y"]);
    let (_, received, _) = begin(&watches, &both).await;
    let ready = watches.send(Ready::query(&both));
    let ready = tokio::time::timeout(Duration::from_secs(60), ready)
        .await
        .expect("it is answered");
    assert!(matches!(ready.unwrap(), Err(ReadyError::Invalid { .. })));
    assert_eq!(
        status(&watches, &both).await.unwrap().state.name(),
        "stopped"
    );
    store.mode("y", Mode::Honest);
    watches.send(Reset::new()).await.unwrap().unwrap();
    until("it begins", || shows(&received, [("x.a", 1)])).await;
    assert!(status(&watches, &both).await.unwrap().state.is_live());
    store.mode("y", Mode::Fail(FailureClass::Invalid));
    pass(30).await;
    assert_eq!(
        status(&watches, &both).await.unwrap().state.name(),
        "retrying"
    );
    store.put("x", "a", 2);
    until("the other input continues", || {
        shows(&received, [("x.a", 2)])
    })
    .await;
    assert_eq!(
        status(&watches, &both)
            .await
            .unwrap()
            .state
            .error()
            .unwrap()
            .class(),
        FailureClass::Invalid
    );
}

#[actix::test]
async fn a_panic_in_a_derivation_is_reported_and_does_not_affect_the_inputs() {
    let store = Store::new();
    store.put("x", "a", 1);
    let watches = paused(&store);
    let both = Merged::of("both", ["x", "y"]);
    let (_, received, _) = begin(&watches, &both).await;
    until("it begins", || received.count() == 1).await;
    let (observer, events) = Events::start_new();
    watches.send(Observe::path("both", observer)).await.unwrap();
    store.put("x", "a", PANIC_VALUE);
    pass(30).await;
    for value in 0..5 {
        store.put("y", "a", value);
        pass(1).await;
    }
    assert_eq!(events.names(), ["live", "rejected"], "told once");
    assert_eq!(store.dropped(), 0, "no request was dropped for it");
    store.put("x", "a", 2);
    until("the next good value arrives", || {
        shows(&received, [("x.a", 2), ("y.a", 4)])
    })
    .await;
    assert_eq!(received.count(), 2);
    assert_eq!(
        watched(&watches).await,
        ["folder:x 1", "folder:y 1", "merged:both 1"]
    );
}

#[actix::test]
async fn a_panic_in_its_watcher_or_in_an_inputs_is_recovered_from() {
    let store = Store::new();
    store.put("x", "a", 1);
    let watches = paused(&store);
    let both = Merged::of("both", ["x", "y"]);
    let (_, received, _) = begin(&watches, &both).await;
    until("it begins", || received.count() == 1).await;
    let (observer, events) = Events::start_new();
    watches.send(Observe::path("both", observer)).await.unwrap();
    store.mode("x", Mode::Panic);
    pass(10).await;
    store.mode("x", Mode::Honest);
    pass(10).await;
    assert_eq!(
        (events.names(), received.count()),
        (vec!["live", "retrying", "live"], 1)
    );
    // Comparing this value panics, in the input's watcher first.
    store.put("x", "b", Rows::CURSED);
    pass(10).await;
    assert_eq!(
        events.names(),
        ["live", "retrying", "live", "rejected"],
        "the input's rejection is its own"
    );
    store.delete("x", "b");
    store.put("x", "a", 2);
    until("the next good value arrives", || {
        shows(&received, [("x.a", 2)])
    })
    .await;
    pass(5).await;
    assert_eq!(received.count(), 2);
    assert_eq!(
        watched(&watches).await,
        ["folder:x 1", "folder:y 1", "merged:both 1"]
    );
    assert_eq!(store.open(), 2);
    watches.stop(Stop::query(&both)).await;
    assert_eq!(store.open(), 0);
}

#[actix::test]
async fn a_panic_in_the_derived_watcher_itself_leaves_no_second_subscription() {
    let store = Store::new();
    store.put("x", "a", 1);
    let watches = paused(&store);
    // Empty when it begins; with a cursed row the derived value cannot be compared, nor x's own.
    let (_, received, _) = begin(&watches, &Merged::of("both", ["x", "cursed"])).await;
    until("it begins", || received.count() == 1).await;
    store.mode("cursed", Mode::Panic);
    store.put("cursed", "a", Rows::CURSED);
    store.mode("cursed", Mode::Honest);
    pass(20).await;
    store.delete("cursed", "a");
    store.put("x", "a", 2);
    until("the feed continues", || shows(&received, [("x.a", 2)])).await;
    pass(5).await;
    assert_eq!(
        watched(&watches).await,
        ["folder:cursed 1", "folder:x 1", "merged:both 1"]
    );
    assert_eq!(store.open(), 2);
}
