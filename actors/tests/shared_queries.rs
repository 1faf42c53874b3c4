//! Members of a shared query: to their subscribers nothing is different.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue says why")]

mod common;

use std::time::Duration;

use common::{
    Events, Mode, Part, Recorder, Row, SupervisorExt,
    actors::Habit,
    pass,
    shared::{follow, rooted, rooted_on, row, status, store_of, until_state, watch},
    until,
};
use consul_watch_actors::{FailureClass, Observe, Ready, ReadyError, Snapshots, Stop, View, Watch};

#[actix::test]
async fn many_members_are_one_query_and_each_gets_its_own_changes() {
    let store = store_of(["a", "b", "c"]);
    let watches = rooted(&store);
    let (_, _a, a) = follow(&watches, &row("a")).await;
    let (_, _b, b) = follow(&watches, &row("b")).await;
    let (_, _all, all) = follow(&watches, &Part::under("app", "")).await;
    assert_eq!(
        (
            a.all()[0].rows.len(),
            b.all()[0].rows.len(),
            all.all()[0].rows.len()
        ),
        (1, 1, 3)
    );
    until("one query waits", || (store.open(), store.held()) == (1, 1)).await;
    let index = store.put("app", "a", 2);
    until("the change arrives", || a.shows(2) && all.shows(2)).await;
    assert_eq!(
        (
            a.last().unwrap().index,
            status(&watches, &row("a")).await.index
        ),
        (index, index)
    );
    store.delete("app", "a");
    until("its removal is a change", || {
        a.values() == [Some(1), Some(2), None]
    })
    .await;
    until("for the folder too", || all.count() == 3).await;
    assert_eq!(all.last().unwrap().changes, ["removed a"]);
    until("one query waits", || (store.open(), store.held()) == (1, 1)).await;
    assert_eq!((b.count(), store.most_held()), (1, 1));
    store.put("app", "a", 2);
    until("it comes again", || a.shows(2)).await;
}

#[actix::test]
async fn subscription_options_hold_for_members() {
    let store = store_of(["a"]);
    let watches = rooted(&store);
    let snapshots: Snapshots = watches
        .send(consul_watch_actors::GetSnapshots)
        .await
        .unwrap();
    let recorders: Vec<_> = (0..4).map(|_| Recorder::prompt()).collect();
    let part = |n: usize| Watch::new(row("a"), recorders[n].0.clone());
    let seen = part(0).skip_first_when(|rows| rows.to_map().get("a") == Some(&1));
    let unseen = part(1).skip_first_when(|rows| rows.to_map().get("a") == Some(&7));
    let odd = part(2).only(|change| change.item().value % 2 == 1);
    let quiet = part(3).quiet(Duration::from_secs(10));
    for watch in [seen, unseen, odd, quiet] {
        watches.send(watch).await.unwrap().unwrap();
    }
    until("the first state arrives", || recorders[3].1.count() == 1).await;
    for value in 2..=5 {
        let index = store.put("app", "a", value);
        until("it is read", || {
            snapshots.get(&row("a")).unwrap().to_map()["a"] == value
        })
        .await;
        assert_eq!(snapshots.status(&row("a")).unwrap().index, index);
        pass(1).await;
    }
    assert_eq!(recorders[3].1.count(), 1, "it is not quiet yet");
    pass(10).await;
    let told: Vec<_> = recorders
        .iter()
        .map(|(_, received)| received.values())
        .collect();
    let values = |values: &[u64]| values.iter().copied().map(Some).collect::<Vec<_>>();
    assert_eq!(told[0], values(&[2, 3, 4, 5]));
    assert_eq!(told[1], values(&[1, 2, 3, 4, 5]));
    assert_eq!(told[2], values(&[1, 3, 5]));
    assert_eq!(told[3], values(&[1, 5]));
    assert_eq!(recorders[3].1.last().unwrap().coalesced, 3);
}

#[actix::test]
async fn states_of_the_wide_watch_are_inherited_and_reported_once() {
    let store = store_of(["a"]);
    let watches = rooted(&store);
    let (observer, events) = Events::start_new();
    watches
        .send(Observe::path("part:app/a", observer))
        .await
        .unwrap();
    let (_, _a, a) = follow(&watches, &row("a")).await;
    assert_eq!(events.names(), ["connecting", "live"]);
    for mode in [Mode::Fail(FailureClass::Transient), Mode::Panic] {
        store.mode("app", mode);
        until_state(&watches, &row("a"), "retrying").await;
        store.mode("app", Mode::Honest);
        until_state(&watches, &row("a"), "live").await;
    }
    let two = ["connecting", "live", "retrying", "live", "retrying", "live"];
    until("they are notified", || events.names() == two).await;
    // Asks on its own from here on, which is no news unless it was in trouble.
    store.mode("app", Mode::Fail(FailureClass::Transient));
    until_state(&watches, &row("a"), "retrying").await;
    store.mode("app", Mode::Fail(FailureClass::Denied));
    until_state(&watches, &row("a"), "live").await;
    until("each once", || {
        events.names() == [&two[..], &["retrying", "live"]].concat()
    })
    .await;
    store.put("app", "a", 2);
    until("it continues", || a.shows(2)).await;
    watches.stop(Stop::all()).await;
    until("its end is reported", || {
        events.names().last() == Some(&"ended")
    })
    .await;
    assert_eq!(events.names().len(), 9);
}

#[actix::test]
async fn a_state_during_the_first_delivery_is_reported_once() {
    let store = store_of(["a", "b"]);
    let watches = rooted(&store);
    let (_, _a, _) = follow(&watches, &row("a")).await;
    let (observer, events) = Events::start_new();
    watches
        .send(Observe::path("part:app/b", observer))
        .await
        .unwrap();
    until("the root waits", || store.held() == 1).await;
    // The root fails while its last value is on its way to the new one.
    let (subscriber, received) = Recorder::prompt();
    watches.do_send(Watch::new(row("b"), subscriber));
    store.mode("app", Mode::Fail(FailureClass::Transient));
    until("it receives what is known", || received.count() == 1).await;
    until_state(&watches, &row("b"), "retrying").await;
    store.mode("app", Mode::Honest);
    until_state(&watches, &row("b"), "live").await;
    pass(1).await;
    let names = events.names();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    assert_eq!((names[0], names.last()), ("connecting", Some(&"live")));
    assert!(names.contains(&"retrying"), "{names:?}");
}

#[actix::test]
async fn ready_waits_for_the_members_value_and_survives_a_refused_root() {
    let store = store_of(["a"]);
    store.mode("app", Mode::Silent);
    let watches = rooted(&store);
    let (subscriber, _) = Recorder::prompt();
    watch(&watches, &row("a"), &subscriber).await;
    watch(&watches, &row("b"), &subscriber).await;
    let ready = watches.send(Ready::query(&row("a")));
    let (observer, events) = Events::start_new();
    watches
        .send(Observe::path("part:app/a", observer))
        .await
        .unwrap();
    store.mode("app", Mode::Fail(FailureClass::Invalid));
    assert!(ready.await.unwrap().is_ok());
    until_state(&watches, &row("a"), "live").await;
    assert_eq!(events.names(), ["connecting", "live"]);
    assert!(watches.send(Ready::all()).await.unwrap().is_ok());
    watches.stop(Stop::all()).await;
    store.mode("app", Mode::Honest);
    store.mode("app/b", Mode::Fail(FailureClass::Invalid));
    watch(&watches, &row("b"), &subscriber).await;
    let invalid = watches.send(Ready::query(&row("b"))).await.unwrap();
    assert!(
        matches!(invalid, Err(ReadyError::Invalid { .. })),
        "{invalid:?}"
    );
}

#[actix::test]
async fn updates_in_flight_outlive_a_detach() {
    tokio::time::pause();
    for why in [
        FailureClass::Denied,
        FailureClass::TooLarge,
        FailureClass::Invalid,
    ] {
        let store = store_of(["a"]);
        let watches = rooted_on(0, &store);
        let (subscriber, received, gate) = Recorder::gated();
        watch(&watches, &row("a"), &subscriber).await;
        until("the first state is with it", || received.count() == 1).await;
        store.mode("app", Mode::Fail(why));
        until("it asks on its own", || {
            store.asked("app/a").len() == 2 && store.held() == 1
        })
        .await;
        pass(5).await;
        gate.add_permits(1);
        pass(5).await;
        assert_eq!(received.count(), 1, "it was notified already");
        store.put("app", "a", 2);
        gate.add_permits(9);
        until("the change arrives", || {
            received.values() == [Some(1), Some(2)]
        })
        .await;
        assert_eq!(store.open(), 1, "nobody asks for the folder");
        watches.stop(Stop::all()).await;
        assert_eq!(store.open(), 0);
    }
}

#[actix::test]
async fn a_panic_on_the_way_to_members_loses_nobody() {
    let store = store_of(["a"]);
    let watches = rooted(&store);
    let (_, _a, a) = follow(&watches, &row("a")).await;
    let (slow, slow_received, gate) = Recorder::gated();
    watch(&watches, &row("a"), &slow).await;
    until("one update is in flight", || slow_received.count() == 1).await;
    // The actor behind them panics when it reads this, with messages behind that it never reads.
    store.put("app", Row::UNSPEAKABLE, 1);
    let (late, late_received) = Recorder::prompt();
    let begun: Vec<_> = (0..20)
        .map(|n| watches.send(Watch::new(row(&format!("b{n}")), late.clone())))
        .collect();
    for begun in futures_util::future::join_all(begun).await {
        begun.unwrap().unwrap();
    }
    until("each is notified", || late_received.count() == 20).await;
    gate.add_permits(9);
    store.put("app", "a", 2);
    until("the change arrives", || {
        a.shows(2) && slow_received.shows(2)
    })
    .await;
    assert_eq!((a.count(), slow_received.count()), (2, 2));
    store.delete("app", Row::UNSPEAKABLE);
    for n in 0..20 {
        store.put("app", &format!("b{n}"), 1);
    }
    until("and theirs", || late_received.count() == 40).await;
    watches.stop(Stop::all()).await;
    assert_eq!(store.open(), 0);
}

#[actix::test]
async fn a_member_that_panics_harms_no_other() {
    let store = store_of(["a", "b", "c"]);
    let watches = rooted(&store);
    let (_, _a, a) = follow(&watches, &row("a")).await;
    // Its query, its view and its handler.
    store.mode("app/gone", Mode::Panic);
    let (other, gone) = Recorder::prompt();
    watch(&watches, &row("gone"), &other).await;
    let (viewing, viewed) = Recorder::prompt();
    let view = View::default().only(|_| panic!("the view panics, as the test wants it"));
    watches
        .send(Watch::new(row("b"), viewing.clone()).view(view))
        .await
        .unwrap()
        .unwrap();
    let (panicking, seen) = Recorder::with(Habit::PanicsAt(2));
    watch(&watches, &Part::under("app", ""), &panicking).await;
    until("they have begun", || {
        seen.count() == 1 && !store.asked("app/gone").is_empty()
    })
    .await;
    store.put("app", "a", 2);
    store.put("app", "b", 2);
    until("the change arrives", || a.shows(2)).await;
    pass(5).await;
    assert_eq!((a.count(), gone.count()), (2, 0));
    assert_eq!(status(&watches, &row("a")).await.restarts, 0);
    assert!(viewed.count() <= 1);
    store.mode("app/gone", Mode::Honest);
    until("it is answered", || gone.count() == 1).await;
}
