//! The connection budget: no more queries are held than it has permits, and a watch beyond it is late, never
//! lost.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue says why")]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use common::{
    Events, Mode, Recorder, Store, SupervisorExt,
    budget::{LATEST, POLL_EVERY, are, stage, watch_all},
    pass, paused, supervisor, until,
};
use consul_watch_actors::{ConnectionBudget, Cursor, FailureClass, Observe, Ready, Reset, Stop};

#[actix::test]
async fn a_watch_beyond_the_budget_is_reported_as_polling_and_polls_at_intervals() {
    let (store, budget, watches) = stage(2);
    let (observer, events) = Events::start_new();
    watches.send(Observe::path("late", observer)).await.unwrap();
    let all = watch_all(&watches, ["a", "b", "late"]).await;
    let received = &all[2].1;
    assert_eq!((store.held(), budget.available()), (2, 0));
    assert_eq!(are(&watches, "polling").await, ["late"]);
    for value in 1..30 {
        store.put("late", "a", value);
        pass(LATEST).await;
        assert!(received.shows(value), "it is late, but never lost");
    }
    assert_eq!(received.count(), 30);
    assert_eq!(events.names(), ["connecting", "polling"], "told once");
    let asked = store.asked("late");
    assert!(
        asked.iter().all(|asked| asked.cursor == Cursor::Start),
        "none of them is held"
    );
    let pauses: Vec<_> = asked
        .windows(2)
        .map(|pair| pair[1].at - pair[0].at)
        .collect();
    assert!(pauses.len() > 25, "{} polls", pauses.len());
    for pause in &pauses {
        let range = POLL_EVERY.mul_f64(0.75)..=POLL_EVERY.mul_f64(1.25) + Duration::from_millis(20);
        assert!(
            range.contains(pause),
            "{pause:?} is not within a quarter of {POLL_EVERY:?}"
        );
    }
    assert!(
        pauses.iter().any(|pause| *pause < Duration::from_secs(9)),
        "and they are spread"
    );
    assert!(pauses.iter().any(|pause| *pause > Duration::from_secs(11)));
}

#[actix::test]
async fn a_watch_keeps_its_permit_through_its_changes() {
    let (store, _, watches) = stage(2);
    let (observer, events) = Events::start_new();
    watches.send(Observe::all(observer)).await.unwrap();
    let all = watch_all(&watches, ["a", "b", "c", "d"]).await;
    let told = events.all().len();
    for value in 1..50 {
        store.put("a", "a", value);
        until("it is delivered at once", || all[0].1.shows(value)).await;
        assert_eq!(are(&watches, "live").await, ["a", "b"]);
    }
    pass(60).await;
    assert_eq!(
        events.all().len(),
        told,
        "no state changed: {:?}",
        &events.names()[told..]
    );
    assert_eq!(store.most_held(), 2);
}

#[actix::test]
async fn permits_go_in_the_order_of_arrival_and_make_a_watch_live_at_once() {
    let (store, budget, watches) = stage(1);
    let names = ["e", "a", "d", "b", "c"];
    watch_all(&watches, names).await;
    for (n, name) in names.iter().enumerate() {
        assert_eq!(are(&watches, "live").await, [*name]);
        assert_eq!(are(&watches, "polling").await.len(), 4 - n);
        // Long enough for every one of them to have asked in between.
        pass(40).await;
        let (observer, events) = Events::start_new();
        if let Some(next) = names.get(n + 1) {
            watches.send(Observe::path(*next, observer)).await.unwrap();
        }
        watches.stop(Stop::path(*name)).await;
        if names.get(n + 1).is_some() {
            until("the next one is notified", || {
                events.names() == ["polling", "live"]
            })
            .await;
            assert_eq!(store.held(), 1);
        }
    }
    assert_eq!(
        (budget.available(), store.open(), store.most_held()),
        (1, 0, 1)
    );
}

#[actix::test]
async fn what_changed_while_a_watch_polled_is_seen_with_its_permit() {
    let (store, _, watches) = stage(1);
    let all = watch_all(&watches, ["a", "b"]).await;
    pass(30).await;
    store.put("b", "a", 7);
    watches.stop(Stop::path("a")).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(all[1].1.shows(7), "at once, not with the next poll");
    store.put("b", "a", 8);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(all[1].1.shows(8));
}

#[actix::test]
async fn a_permit_is_released_whatever_ends_its_query() {
    let (store, budget, watches) = stage(1);
    for end in ["error", "invalid", "panic", "stop", "subscriber", "reset"] {
        let (first, second) = (format!("first {end}"), format!("second {end}"));
        let mut all = watch_all(&watches, [&first, &second]).await;
        assert_eq!(are(&watches, "live").await.concat(), first, "{end}");
        match end {
            "error" => store.mode(&first, Mode::FailFor(Duration::from_secs(3000))),
            "invalid" => store.mode(&first, Mode::Fail(FailureClass::Invalid)),
            "panic" => store.mode(&first, Mode::Panic),
            "stop" => drop(watches.stop(Stop::path(&first)).await),
            "subscriber" => {
                let (_, _, subscriber) = all.swap_remove(0);
                subscriber.do_send(common::actors::Leave);
            }
            _ => assert_eq!(watches.send(Reset::new()).await.unwrap().unwrap(), 2),
        }
        // An actor that is gone is found within a second, and its watch lingers for two.
        pass(4).await;
        let live = are(&watches, "live").await;
        if end == "reset" {
            assert_eq!((live.len(), are(&watches, "polling").await.len()), (1, 1));
        } else {
            assert_eq!(live.concat(), second, "after {end}");
        }
        assert_eq!((store.held(), budget.available()), (1, 0), "after {end}");
        watches.stop(Stop::all()).await;
        assert_eq!((store.open(), budget.available()), (0, 1), "after {end}");
    }
    assert_eq!(store.most_held(), 1);
}

#[actix::test]
async fn a_queued_watch_that_ends_leaves_the_queue() {
    let (store, budget, watches) = stage(1);
    for end in ["error", "invalid", "panic", "stop", "subscriber"] {
        let (first, second, third) = (format!("1 {end}"), format!("2 {end}"), format!("3 {end}"));
        let mut all = watch_all(&watches, [&first, &second, &third]).await;
        // The second in line goes while it waits; its next poll finds out.
        match end {
            "error" => store.mode(&second, Mode::FailFor(Duration::from_secs(3000))),
            "invalid" => store.mode(&second, Mode::Fail(FailureClass::Invalid)),
            "panic" => store.mode(&second, Mode::Panic),
            "stop" => drop(watches.stop(Stop::path(&second)).await),
            _ => {
                let (_, _, subscriber) = all.swap_remove(1);
                subscriber.do_send(common::actors::Leave);
            }
        }
        pass(LATEST).await;
        watches.stop(Stop::path(&first)).await;
        pass(1).await;
        assert_eq!(are(&watches, "live").await.concat(), third, "after {end}");
        assert_eq!(store.held(), 1, "after {end}");
        watches.stop(Stop::all()).await;
        assert_eq!((store.open(), budget.available()), (0, 1), "after {end}");
    }
}

#[actix::test]
async fn the_end_of_the_supervisor_releases_all() {
    let (store, budget, watches) = stage(2);
    watch_all(&watches, ["a", "b", "c", "d"]).await;
    drop(watches);
    until("all are released", || {
        budget.available() == 2 && store.open() == 0
    })
    .await;
}

#[actix::test]
async fn first_answers_never_wait_behind_held_queries() {
    let (store, budget, watches) = stage(3);
    watch_all(&watches, ["a", "b", "c"]).await;
    assert_eq!(budget.available(), 0);
    let start = tokio::time::Instant::now();
    let (subscriber, received) = Recorder::prompt();
    for n in 0..100 {
        let folder = format!("late{n}");
        store.put(&folder, "a", 1);
        watches.watch(&folder, subscriber.clone()).await;
    }
    watches.send(Ready::all()).await.unwrap().unwrap();
    until("all first states arrive", || received.count() == 100).await;
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "it took {:?}",
        start.elapsed()
    );
    assert_eq!(are(&watches, "polling").await.len(), 100);
}

#[actix::test]
async fn five_hundred_watches_on_ten_permits_see_every_change_in_time() {
    let (store, budget, watches) = stage(10);
    let folders: Vec<_> = (0..500).map(|n| format!("folder{n}")).collect();
    let mut received_by_all = Vec::new();
    for folder in &folders {
        let (subscriber, received) = Recorder::prompt();
        watches.watch(folder, subscriber).await;
        received_by_all.push(received);
    }
    watches.send(Ready::all()).await.unwrap().unwrap();
    for value in 1..4 {
        for folder in &folders {
            store.put(folder, "a", value);
        }
        pass(LATEST).await;
        let behind = received_by_all
            .iter()
            .filter(|received| !received.shows(value))
            .count();
        assert_eq!(behind, 0, "have not seen {value} yet");
    }
    let polls: usize = folders.iter().map(|folder| store.asked(folder).len()).sum();
    // 39 seconds: a first answer, about four polls, and those with a permit three changes each.
    assert!(polls < 500 * 10, "{polls} queries");
    assert_eq!((store.most_held(), budget.available()), (10, 0));
    assert_eq!(
        (
            are(&watches, "live").await.len(),
            are(&watches, "polling").await.len()
        ),
        (10, 490)
    );
    watches.stop(Stop::all()).await;
    assert_eq!((store.open(), budget.available()), (0, 10));
}

/// In real time, with watchers on two threads that come, change, fail and go.
#[actix::test]
async fn the_budget_holds_across_threads() {
    let budget = ConnectionBudget::new(3)
        .with_short_permits(2)
        .with_poll_interval(Duration::from_millis(50));
    let store = Store::new().with_connection_budget(&budget);
    let watches = supervisor(&store).arbiters(2).start();
    let folders: Vec<_> = (0..20).map(|n| format!("folder{n}")).collect();
    for round in 1..=10 {
        let mut received_by_all = Vec::new();
        for folder in &folders {
            let (subscriber, received) = Recorder::prompt();
            watches.watch(folder, subscriber).await;
            received_by_all.push(received);
        }
        for _ in 0..50 {
            let folder = &folders[fastrand::usize(..20)];
            match fastrand::u8(..6) {
                0 => {
                    store.mode(folder, Mode::Fail(FailureClass::Transient));
                    store.mode(folder, Mode::Honest);
                }
                1 => {
                    store.mode(folder, Mode::Panic);
                    store.mode(folder, Mode::Honest);
                }
                2 if fastrand::bool() => drop(watches.send(Reset::new()).await.unwrap().unwrap()),
                _ => drop(store.put(folder, "b", fastrand::u64(..1000))),
            }
            tokio::task::yield_now().await;
        }
        for folder in &folders {
            store.put(folder, "a", round);
        }
        for (folder, received) in folders.iter().zip(&received_by_all) {
            until(&format!("{folder} shows {round}"), || received.shows(round)).await;
        }
        until("as many are held as can be", || {
            (store.held(), budget.available()) == (3, 0)
        })
        .await;
        watches.stop(Stop::all()).await;
        assert_eq!(
            (store.open(), budget.available()),
            (0, 3),
            "in round {round}"
        );
    }
    assert_eq!(store.most_held(), 3, "never more than there are permits");
}

#[actix::test]
async fn a_disabled_budget_takes_no_permits_until_it_is_enabled() {
    let budget = ConnectionBudget::new(2)
        .with_short_permits(4)
        .with_poll_interval(POLL_EVERY)
        .disabled();
    let store = Store::new().with_connection_budget(&budget);
    let watches = paused(&store);
    let all = watch_all(&watches, ["a", "b", "c"]).await;
    assert_eq!((store.held(), budget.available()), (3, 2));
    budget.enable();
    store.put("c", "a", 1);
    until("permits are taken", || {
        budget.available() == 0 && all[2].1.shows(1)
    })
    .await;
    watches
        .until_status("c", "waiting, or another is", |_| store.held() == 2)
        .await;
    assert_eq!(are(&watches, "polling").await.len(), 1);
    for (n, name) in ["a", "b", "c"].iter().enumerate() {
        store.put(name, "a", 2);
        pass(LATEST).await;
        assert!(all[n].1.shows(2));
    }
    assert_eq!((are(&watches, "polling").await.len(), store.held()), (1, 2));
}

/// Counts warnings.
#[derive(Debug, Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[actix::test]
async fn it_is_warned_once() {
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(warnings.clone());
    let (store, _, watches) = stage(2);
    watch_all(&watches, ["a", "b"]).await;
    assert_eq!(
        warnings.0.load(Ordering::Relaxed),
        0,
        "there is room for these"
    );
    watch_all(&watches, ["c", "d", "e"]).await;
    assert_eq!(warnings.0.load(Ordering::Relaxed), 1);
    for _ in 0..5 {
        watches.send(Reset::new()).await.unwrap().unwrap();
        store.put("c", "a", 1);
        pass(LATEST).await;
    }
    assert_eq!(warnings.0.load(Ordering::Relaxed), 1);
}
