//! A slow subscriber delays its own deliveries alone, and gets the states in between coalesced.

use std::time::Duration;

use crate::common::{Recorder, Store, SupervisorExt, actors::Habit, pass, paused, until};

#[actix::test]
async fn what_comes_while_a_handler_works_is_folded_and_the_last_state_arrives() {
    let store = Store::new();
    store.put("app", "a", 0);
    let watches = paused(&store);
    let (slow, slow_received, gate) = Recorder::gated();
    let (quick, quick_received) = Recorder::prompt();
    watches.watch("app", slow).await;
    watches.watch("app", quick).await;
    until("the slow one is at work", || slow_received.count() == 1).await;
    for value in 1..=50 {
        store.put("app", "a", value);
        until("the quick one sees every state", || {
            quick_received.shows(value)
        })
        .await;
    }
    assert_eq!(slow_received.count(), 1, "one update in flight at most");
    assert_eq!(
        quick_received.count(),
        51,
        "nothing was folded for the quick one"
    );
    gate.add_permits(1);
    until("the slow one gets the last state", || {
        slow_received.shows(50)
    })
    .await;
    let last = slow_received.last().unwrap();
    assert_eq!(last.coalesced, 49);
    assert_eq!(
        last.previous.unwrap()["a"],
        0,
        "the delta is from what this one saw last"
    );
    gate.add_permits(10);
    pass(10).await;
    assert_eq!(slow_received.count(), 2, "the last state comes once");
}

#[actix::test]
async fn a_burst_taken_back_while_a_handler_works_is_not_delivered() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (slow, received, gate) = Recorder::gated();
    watches.watch("app", slow).await;
    until("it is at work", || received.count() == 1).await;
    store.put("app", "a", 2);
    pass(1).await;
    store.put("app", "a", 1);
    pass(1).await;
    gate.add_permits(10);
    pass(5).await;
    assert_eq!(received.count(), 1);
}

#[actix::test]
async fn a_handler_that_hangs_for_ever_holds_up_neither_others_nor_stop() {
    let store = Store::new();
    store.put("app", "a", 1);
    let watches = paused(&store);
    let (hung, hung_received, _gate) = Recorder::gated();
    let (other, other_received) = Recorder::with(Habit::Slow(Duration::from_millis(10)));
    watches.watch("app", hung).await;
    watches.watch("app", other).await;
    until("the hung one hangs", || hung_received.count() == 1).await;
    store.put("app", "a", 2);
    until("the other continues", || other_received.shows(2)).await;
    let stopped = watches.stop(consul_watch_actors::Stop::all()).await;
    assert_eq!(stopped.subscriptions, 2);
    assert_eq!(store.open(), 0);
}
