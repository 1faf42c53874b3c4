//! The end of a derived watch, and of its inputs.

use consul_watch_actors::{Stop, Watch};

use crate::common::{Merged, Recorder, Store, SupervisorExt, pass, paused, supervisor, until};
use crate::{begin, shows, watched};

#[actix::test]
async fn its_end_ends_the_inputs_without_another_subscriber() {
    let store = Store::new();
    let watches = paused(&store);
    let (one, two) = (Merged::of("one", ["x", "y"]), Merged::of("two", ["y", "z"]));
    let (first, first_received, _) = begin(&watches, &one).await;
    let (_, second_received, _) = begin(&watches, &two).await;
    let (other, other_received) = Recorder::prompt();
    watches.watch("z", other).await;
    until("all have begun", || {
        first_received.count() + second_received.count() + other_received.count() == 3
    })
    .await;
    until("three are asked", || store.open() == 3).await;
    assert_eq!(
        watched(&watches).await,
        [
            "folder:x 1",
            "folder:y 2",
            "folder:z 2",
            "merged:one 1",
            "merged:two 1"
        ]
    );
    watches.stop(Stop::subscription(first)).await;
    assert_eq!(store.open(), 2, "the request of x is closed by now");
    assert_eq!(
        watched(&watches).await,
        ["folder:y 1", "folder:z 2", "merged:two 1"]
    );
    store.put("y", "a", 1);
    until("the other one continues", || {
        shows(&second_received, [("y.a", 1)])
    })
    .await;
    watches.stop(Stop::path("two")).await;
    assert_eq!(store.open(), 1);
    assert_eq!(watched(&watches).await, ["folder:z 1"]);
    assert_eq!(first_received.count(), 1);
    store.put("z", "a", 1);
    until("and the plain watch too", || other_received.shows(1)).await;
    watches.stop(Stop::all()).await;
    assert_eq!(store.open(), 0);
}

#[actix::test]
async fn a_stop_at_any_moment_leaves_nothing_behind() {
    tokio::time::pause();
    for (when, how) in (0..40).flat_map(|when| (0..3).map(move |how| (when, how))) {
        let store = Store::new();
        for folder in ["x", "y", "z"] {
            store.put(folder, "a", 1);
            store.put("list", folder, 1);
        }
        let watches = supervisor(&store).arbiters(0).start();
        let part = Merged::of("part", ["u", "v"]);
        let listed = Merged::of("listed", [""; 0]).listed_in("list").with([part]);
        let (_, received, _) = begin(&watches, &listed).await;
        for _ in 0..when {
            tokio::task::yield_now().await;
        }
        match how {
            0 => watches.stop(Stop::query(&listed)).await,
            1 => watches.stop(Stop::all()).await,
            _ => {
                watches.do_send(Stop::path("x"));
                watches.stop(Stop::query(&listed)).await
            }
        };
        assert_eq!(store.open(), 0, "after {when} turns, {how}");
        assert_eq!(
            watched(&watches).await,
            [""; 0],
            "after {when} turns, {how}"
        );
        let (asked, seen) = (store.asked("x").len(), received.count());
        store.put("x", "a", 2);
        pass(5).await;
        assert_eq!(
            (store.asked("x").len(), received.count(), store.open()),
            (asked, seen, 0)
        );
    }
}

#[actix::test]
async fn it_ends_with_its_subscriber() {
    let store = Store::new();
    let watches = paused(&store);
    let (subscriber, received) = Recorder::prompt();
    watches
        .send(Watch::new(Merged::of("one", ["x"]), subscriber.downgrade()))
        .await
        .unwrap()
        .unwrap();
    until("it begins", || received.count() == 1).await;
    drop(subscriber);
    until("nothing is asked any more", || store.open() == 0).await;
    assert_eq!(watched(&watches).await, [""; 0]);
}

#[actix::test]
async fn it_ends_with_the_supervisor() {
    for when in (0..40).chain([1000]) {
        let store = Store::new();
        let watches = paused(&store);
        let (_, _, subscriber) = begin(&watches, &Merged::of("both", ["x", "y"])).await;
        for _ in 0..when {
            tokio::task::yield_now().await;
        }
        drop(watches);
        pass(3).await;
        assert_eq!(store.open(), 0, "after {when} turns");
        assert!(subscriber.connected());
        tokio::time::resume();
    }
}
