//! Derived watches whose inputs run on other threads, in real time.

use std::{collections::BTreeMap, time::Duration};

use consul_watch_actors::Stop;

use crate::common::{Merged, Store, SupervisorExt, supervisor, until};
use crate::{begin, watched};

/// In real time: the inputs' watchers and the derived ones run on threads of their own.
#[actix::test]
async fn the_laws_hold_on_two_arbiters_too() {
    let store = Store::new();
    let watches = supervisor(&store).arbiters(2).start();
    let part = Merged::of("part", ["a", "b", "c"]);
    let top = Merged::of("top", [""; 0]).listed_in("list").with([part]);
    for round in 0..20 {
        let (_, received, _) = begin(&watches, &top).await;
        for step in 0..30_u64 {
            let folder = ["a", "b", "c", "d", "e"][fastrand::usize(..5)];
            match fastrand::u8(..4) {
                0 => drop(store.put("list", ["d", "e"][fastrand::usize(..2)], step)),
                1 => store.delete("list", ["d", "e"][fastrand::usize(..2)]),
                _ => drop(store.put(folder, "k", round * 100 + step)),
            }
            if fastrand::u8(..8) == 0 {
                let stop = Stop::path(["a", "d", "list", "part"][fastrand::usize(..4)]);
                watches.do_send(stop);
            }
            tokio::task::yield_now().await;
        }
        let listed = store.rows("list").into_keys();
        let mut expected = BTreeMap::new();
        for folder in ["a", "b", "c"].into_iter().map(str::to_owned).chain(listed) {
            for (key, value) in store.rows(&folder) {
                expected.insert(format!("{folder}.{key}"), value);
            }
        }
        until("the last state arrives", || {
            received.last().is_some_and(|seen| seen.rows == expected)
        })
        .await;
        let all = received.all();
        assert!(
            all.windows(2).all(|pair| pair[0].rows != pair[1].rows),
            "nothing twice"
        );
        watches.stop(Stop::query(&top)).await;
        assert_eq!(store.open(), 0, "in round {round}");
        assert_eq!(watched(&watches).await, [""; 0]);
    }
}

/// In real time: the word of a subscription and the end of who asked for it cross each other.
#[actix::test]
async fn a_stop_that_crosses_a_subscription_leaves_nothing_behind_on_two_arbiters() {
    let store = Store::new();
    for folder in 0..20 {
        store.put("list", &format!("folder{folder}"), 1);
    }
    let watches = supervisor(&store).arbiters(2).start();
    let listed = Merged::of("listed", [""; 0]).listed_in("list");
    for round in 0..300 {
        let (id, ..) = begin(&watches, &listed).await;
        let pause = Duration::from_micros(fastrand::u64(..1500));
        std::thread::sleep(pause);
        watches.stop(Stop::subscription(id)).await;
        assert_eq!(
            watched(&watches).await,
            [""; 0],
            "in round {round}, after {pause:?}"
        );
        assert_eq!(store.open(), 0, "in round {round}, after {pause:?}");
    }
}
