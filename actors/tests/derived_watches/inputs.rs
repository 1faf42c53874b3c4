//! The inputs of a derived watch, which come and go.

use consul_watch_actors::{Ready, Reason, Stop};

use crate::common::{Merged, Mode, Store, SupervisorExt, pass, paused, until};
use crate::{begin, shows, status, watched};

#[actix::test]
async fn the_first_value_comes_when_all_inputs_have_answered_and_then_one_a_change() {
    let store = Store::new();
    store.put("x", "a", 1);
    store.put("y", "a", 2);
    store.mode("y", Mode::Silent);
    let watches = paused(&store);
    let both = Merged::of("both", ["x", "y"]);
    let (_, received, _) = begin(&watches, &both).await;
    pass(60).await;
    assert_eq!(received.count(), 0, "one input has not answered yet");
    assert_eq!(
        status(&watches, &both).await.unwrap().state.name(),
        "connecting"
    );
    assert_eq!(
        watched(&watches).await,
        ["folder:x 1", "folder:y 1", "merged:both 1"]
    );
    store.mode("y", Mode::Honest);
    watches.send(Ready::query(&both)).await.unwrap().unwrap();
    until("the first value arrives", || {
        shows(&received, [("x.a", 1), ("y.a", 2)])
    })
    .await;
    for value in 2..20 {
        store.put("x", "a", value);
        until("the change arrives", || {
            shows(&received, [("x.a", value), ("y.a", 2)])
        })
        .await;
        assert_eq!(received.last().unwrap().changes, ["updated x.a"]);
    }
    store.put("elsewhere", "a", 1);
    pass(60).await;
    assert_eq!(
        received.count(),
        19,
        "one message a change, and none for what is not made of it"
    );
    assert!(
        received.all()[1..]
            .iter()
            .all(|seen| seen.reason == Reason::Change && seen.coalesced == 0)
    );
}

#[actix::test]
async fn inputs_come_and_go_as_the_value_says_and_nothing_of_them_stays() {
    let store = Store::new();
    let watches = paused(&store);
    let listed = Merged::of("listed", [""; 0]).listed_in("list");
    let (_, received, _) = begin(&watches, &listed).await;
    until("it begins with nothing", || shows(&received, [])).await;
    for round in 0..1000_u64 {
        let folder = format!("folder{round}");
        store.put(&folder, "a", 1);
        store.put("list", &folder, 1);
        until("the new input is there", || {
            received
                .last()
                .is_some_and(|seen| seen.rows.contains_key(&format!("{folder}.a")))
        })
        .await;
        if round >= 3 {
            store.delete("list", &format!("folder{}", round - 3));
        }
    }
    until("the last ones are there", || {
        received.last().is_some_and(|seen| seen.rows.len() == 3)
    })
    .await;
    until("the others are closed", || store.open() == 4).await;
    assert_eq!(
        watched(&watches).await,
        [
            "folder:folder997 1",
            "folder:folder998 1",
            "folder:folder999 1",
            "folder:list 1",
            "merged:listed 1"
        ]
    );
    store.wipe();
    until("none is left", || shows(&received, [])).await;
    until("and only the list is asked", || store.open() == 1).await;
    watches.stop(Stop::query(&listed)).await;
    assert_eq!((watched(&watches).await.len(), store.open()), (0, 0));
}

#[actix::test]
async fn an_input_that_leaves_and_returns_at_once_is_subscribed_and_unsubscribed() {
    for when in 0..60 {
        let store = Store::new();
        store.put("x", "a", 1);
        let watches = paused(&store);
        let listed = Merged::of("listed", [""; 0]).listed_in("list");
        let (_, received, _) = begin(&watches, &listed).await;
        until("it begins", || shows(&received, [])).await;
        for round in 0..when {
            store.put("list", "x", round);
            for _ in 0..when / 2 {
                tokio::task::yield_now().await;
            }
            store.delete("list", "x");
            for _ in 0..(when * 7 + round) % 11 {
                tokio::task::yield_now().await;
            }
        }
        store.put("list", "x", 99);
        store.put("x", "a", 2 + when);
        until("it follows x", || shows(&received, [("x.a", 2 + when)])).await;
        store.put("x", "a", 1000);
        until("and its changes", || shows(&received, [("x.a", 1000)])).await;
        store.delete("list", "x");
        until("it lets x go", || shows(&received, [])).await;
        until("and x ends", || store.open() == 1).await;
        assert_eq!(
            watched(&watches).await,
            ["folder:list 1", "merged:listed 1"]
        );
        tokio::time::resume();
    }
}

#[actix::test]
async fn an_input_that_is_named_twice_is_subscribed_once() {
    let store = Store::new();
    store.put("x", "a", 1);
    let watches = paused(&store);
    let twice = Merged::of("twice", ["x", "x"]).listed_in("list");
    store.put("list", "x", 1);
    let (_, received, _) = begin(&watches, &twice).await;
    until("it begins", || shows(&received, [("x.a", 1)])).await;
    store.put("x", "a", 2);
    until("it continues", || shows(&received, [("x.a", 2)])).await;
    assert_eq!(
        watched(&watches).await,
        ["folder:list 1", "folder:x 1", "merged:twice 1"]
    );
    watches.stop(Stop::query(&twice)).await;
    assert_eq!((watched(&watches).await.len(), store.open()), (0, 0));
}

#[actix::test]
async fn an_input_that_is_stopped_is_subscribed_again() {
    let store = Store::new();
    store.put("x", "a", 1);
    let watches = paused(&store);
    let (_, received, _) = begin(&watches, &Merged::of("both", ["x", "y"])).await;
    until("it begins", || shows(&received, [("x.a", 1)])).await;
    for value in 2..10 {
        let stopped = watches.stop(Stop::path("x")).await;
        assert_eq!(stopped.ended, [crate::common::path("x")]);
        store.put("x", "a", value);
        until("it is followed again", || {
            shows(&received, [("x.a", value)])
        })
        .await;
    }
    watches.stop(Stop::paths(["x", "y"])).await;
    pass(60).await;
    assert_eq!(received.count(), 9, "nothing is repeated");
    assert_eq!((watched(&watches).await.len(), store.open()), (3, 2));
    watches.stop(Stop::paths(["x", "both"])).await;
    pass(60).await;
    assert_eq!(
        (watched(&watches).await.len(), store.open()),
        (0, 0),
        "unless what it is made into ends too"
    );
}

#[actix::test]
async fn an_input_that_begins_again_unproven_removes_nothing() {
    let store = Store::new();
    store.put("x", "a", 1);
    store.put("y", "a", 1);
    let watches = paused(&store);
    let query = Merged::of("both", ["x", "y"]);
    let (_, received, _subscriber) = begin(&watches, &query).await;
    let both = [("x.a", 1), ("y.a", 1)];
    until("it begins", || shows(&received, both)).await;
    store.hide("x", "a", true);
    store.mode("x", Mode::Unproven);
    let asked = store.asked("x").len();
    watches.stop(Stop::path("x")).await;
    until("the input begins again", || {
        store.asked("x").len() > asked + 1
    })
    .await;
    pass(5).await;
    assert_eq!(received.count(), 1, "nothing is proven gone");
    store.put("y", "a", 2);
    until("the other input continues", || {
        shows(&received, [("x.a", 1), ("y.a", 2)])
    })
    .await;
    store.mode("x", Mode::Honest);
    store.put("x", "b", 1);
    until("what is proven is gone", || {
        shows(&received, [("x.b", 1), ("y.a", 2)])
    })
    .await;
}
