//! No storm after an outage: one watch probes the server, and then all reconnect, those with the most
//! subscribers first and a few at a time.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use crate::common::{
    Mode, Outage, Recorder, Store, SupervisorExt,
    outage::{all_live, folder, not_live, stage, watch_all},
    pass, until,
};
use consul_watch_actors::{
    Cursor, FailureClass, ReconnectGate, Reset, Status, Stop, WatchState, WatchSupervisor,
};
use tokio::time::Instant;

#[actix::test]
async fn while_the_server_is_down_one_watch_probes_for_all() {
    let (store, gate, watches) = stage();
    watch_all(&watches, 100, |_| 1).await;
    store.forget();
    store.leave(Outage::Refuses);
    until("that is noticed", || gate.is_down()).await;
    pass(60).await;
    let asked = store.all_asked();
    assert_eq!(store.most_short(), 1, "never two at a time");
    // Pauses of up to 500 ms come to 240 attempts; on its own each of the hundred would make as many.
    assert!(
        (150..400).contains(&asked.len()),
        "{} attempts",
        asked.len()
    );
    let by: BTreeSet<_> = asked.iter().map(|asked| &asked.folder).collect();
    assert_eq!(by.len(), 100, "they take turns");
    store.come_back();
    let took = all_live(&watches).await;
    assert!(
        took < Duration::from_millis(1100),
        "a pause of the gate and one's own: {took:?}"
    );
    assert!(!gate.is_down());
}

#[actix::test]
async fn most_subscribers_reconnect_first_and_so_many_at_a_time() {
    let (store, gate, watches) = stage();
    // Neither in the order of their names nor of their coming.
    watch_all(&watches, 150, |n| 1 + n * 7 % 30).await;
    store.leave(Outage::Refuses);
    until("that is noticed", || gate.is_down()).await;
    pass(1).await;
    store.forget();
    store.set_latency(Duration::from_millis(100));
    store.come_back();
    all_live(&watches).await;
    let back: Vec<_> = store
        .all_asked()
        .into_iter()
        .filter(|asked| asked.cursor == Cursor::Start)
        .collect();
    assert_eq!(store.most_short(), ReconnectGate::MAX_CONCURRENT);
    assert_eq!(back.len(), 150, "each once");
    let counts: Vec<usize> = back
        .iter()
        .skip(1)
        .map(|asked| 1 + asked.folder[6..].parse::<usize>().unwrap() * 7 % 30)
        .collect();
    // One of them may still have been in a pause of its own.
    let inversions = counts.windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert!(inversions <= 3, "not from most to fewest: {counts:?}");
    let took = back.last().unwrap().at - back[0].at;
    assert!(
        took < Duration::from_millis(100 * (2 + 150 / 32)),
        "as fast as that goes: {took:?}"
    );
}

#[actix::test]
async fn a_probe_of_a_silent_server_delays_no_other() {
    let (store, gate, watches) = stage();
    watch_all(&watches, 50, |_| 1).await;
    store.leave(Outage::Silent);
    until("that is noticed", || gate.is_down()).await;
    store.forget();
    pass(300).await;
    let most = usize::try_from(Outage::DEADLINE.as_secs() / ReconnectGate::PROBE_TIMEOUT.as_secs())
        .unwrap();
    assert!(
        store.most_short() <= most,
        "{} at a time",
        store.most_short()
    );
    let asked = store.all_asked().len();
    assert!((30..=151).contains(&asked), "{asked} attempts in 300 s");
    store.come_back();
    // What hangs is answered as soon as there is somebody to answer it.
    let took = all_live(&watches).await;
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[actix::test]
async fn a_probe_that_is_not_made_passes_to_the_next() {
    let (store, gate, watches) = stage();
    watch_all(&watches, 20, |_| 1).await;
    store.leave(Outage::Silent);
    until("that is noticed", || gate.is_down()).await;
    store.forget();
    for turn in 0..10 {
        until("one asks", || store.open() == 1).await;
        let asking = store.all_asked().pop().unwrap().folder;
        let asked = Instant::now();
        if turn % 2 == 0 {
            watches.stop(Stop::path(&asking)).await;
        } else {
            store.mode(&asking, Mode::Panic);
        }
        let other = || {
            store
                .all_asked()
                .pop()
                .is_some_and(|last| last.folder != asking)
        };
        until("another one asks", || store.open() == 1 && other()).await;
        assert!(
            asked.elapsed() < Duration::from_millis(50),
            "at once, not after {:?}",
            asked.elapsed()
        );
    }
    store.come_back();
    for n in 0..20 {
        store.mode(&folder(n), Mode::Honest);
    }
    all_live(&watches).await;
}

#[actix::test]
async fn queued_watches_can_be_stopped_and_reset_at_once() {
    let (store, gate, watches) = stage();
    watch_all(&watches, 100, |_| 1).await;
    store.leave(Outage::Silent);
    until("that is noticed", || gate.is_down()).await;
    pass(5).await;
    let start = Instant::now();
    for n in 50..100 {
        let stopped = watches.stop(Stop::path(folder(n))).await;
        assert_eq!(stopped.ended.len(), 1);
    }
    assert!(
        start.elapsed() < Duration::from_millis(100),
        "stopped after {:?}",
        start.elapsed()
    );
    store.forget();
    watches.send(Reset::new()).await.unwrap().unwrap();
    assert!(
        start.elapsed() < Duration::from_millis(200),
        "reset after {:?}",
        start.elapsed()
    );
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(
        store.all_asked().len(),
        ReconnectGate::MAX_CONCURRENT,
        "they ask at once, and so many at a time"
    );
    tokio::time::sleep(ReconnectGate::PROBE_TIMEOUT).await;
    assert_eq!(
        store.all_asked().len(),
        50,
        "one that hangs holds up nobody"
    );
    store.come_back();
    all_live(&watches).await;
    assert_eq!(store.held(), 50);
}

#[actix::test]
async fn a_new_watch_soon_reports_an_error_of_its_own() {
    let (store, gate, watches) = stage();
    watch_all(&watches, 10, |_| 1).await;
    store.leave(Outage::Refuses);
    until("that is noticed", || gate.is_down()).await;
    pass(5).await;
    let (subscriber, received) = Recorder::prompt();
    let start = Instant::now();
    watches.watch("new", subscriber).await;
    watches
        .until_status("new", "retrying", |status| {
            status.state.name() == "retrying"
        })
        .await;
    assert!(
        start.elapsed() < Duration::from_millis(20),
        "{:?}",
        start.elapsed()
    );
    store.put("new", "a", 1);
    store.come_back();
    until("it comes with the others", || received.shows(1)).await;
}

#[actix::test]
async fn the_status_shows_the_next_attempt() {
    let (store, gate, watches) = stage();
    watch_all(&watches, 30, |_| 1).await;
    store.leave(Outage::Silent);
    until("that is noticed", || gate.is_down()).await;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(777)).await;
        let now = SystemTime::now();
        let all = watches.send(Status::all()).await.unwrap();
        let next = all.iter().map(|status| match &status.state {
            WatchState::Retrying { next, .. } => *next,
            other => panic!("{}: {other}", status.path),
        });
        // Those that ask now have a time that is over.
        let ahead = next.filter(|next| *next + Duration::from_secs(1) > now);
        assert!(ahead.clone().count() >= 20, "no time of the next attempt");
        assert!(
            ahead.max().unwrap()
                < now + ReconnectGate::MAX_PROBE_INTERVAL + ReconnectGate::PROBE_TIMEOUT
        );
    }
}

#[actix::test]
async fn a_failure_of_one_watch_delays_no_other() {
    let (store, _, watches) = stage();
    watch_all(&watches, 20, |n| 20 - n).await;
    // The one with most subscribers fails as if nobody were there.
    store.mode(&folder(0), Mode::Outage);
    store.put(&folder(0), "a", 1);
    pass(100).await;
    let attempts = store.asked(&folder(0)).len();
    assert!(
        (200..800).contains(&attempts),
        "at the pace of its back-off: {attempts}"
    );
    for turn in 1..20 {
        for n in 1..20 {
            store.mode(&folder(n), Mode::Fail(FailureClass::Transient));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        for n in 1..20 {
            store.put(&folder(n), "a", turn);
            store.mode(&folder(n), Mode::Honest);
        }
        let start = Instant::now();
        let mut others = not_live(&watches).await;
        while others.len() > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            others = not_live(&watches).await;
        }
        assert!(
            start.elapsed() < Duration::from_millis(1100),
            "they came back after {:?}",
            start.elapsed()
        );
        assert!(others[0].contains(&folder(0)));
    }
}

#[actix::test]
async fn a_single_watch_reconnects_no_later_than_by_its_own_pauses() {
    let gate = ReconnectGate::new();
    let store = Store::new().with_reconnect_gate(&gate);
    tokio::time::pause();
    // With the default back-off, whose pauses go up to 30 s.
    let watches = WatchSupervisor::new(store.clone()).arbiters(0).start();
    watch_all(&watches, 1, |_| 1).await;
    for minutes in [1, 10, 60] {
        store.leave(Outage::Refuses);
        pass(60 * minutes).await;
        store.come_back();
        let took = all_live(&watches).await;
        assert!(
            took <= ReconnectGate::MAX_PROBE_INTERVAL + Duration::from_millis(50),
            "{took:?}"
        );
        pass(20).await;
    }
}
