//! No storm after random outages, on several threads.

use std::time::Duration;

use crate::common::{
    Mode, Outage, Recorder, Store, SupervisorExt,
    outage::{all_live, folder, watch_all},
    supervisor, until,
};
use actix::prelude::*;
use consul_watch_actors::{ReconnectGate, Reset, Stop, WatchSupervisor};

/// Outages of both kinds, failures, panics, stops and resets at random: in the end all are live and show the
/// last state.
#[actix::test]
async fn whatever_happens_no_watch_is_lost() {
    tokio::time::pause();
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let gate = ReconnectGate::new();
        let store = Store::new().with_reconnect_gate(&gate);
        let watches = supervisor(&store).arbiters(0).start();
        let count = 60;
        let mut received_by_all = watch_all(&watches, count, |_| 1).await;
        for step in 0..60 {
            let n = random.usize(..count);
            match random.u8(..9) {
                0 => store.leave(Outage::Refuses),
                1 => store.leave(Outage::Silent),
                2 | 3 => store.come_back(),
                4 => store.mode(&folder(n), Mode::Panic),
                5 => store.mode(
                    &folder(n),
                    if random.bool() {
                        Mode::Outage
                    } else {
                        Mode::Silent
                    },
                ),
                6 => {
                    watches.stop(Stop::path(folder(n))).await;
                    let (subscriber, received) = Recorder::prompt();
                    watches.watch(&folder(n), subscriber).await;
                    received_by_all[n] = received;
                }
                7 => drop(watches.send(Reset::new()).await.unwrap().unwrap()),
                _ => store.set_latency(Duration::from_millis(random.u64(..3000))),
            }
            store.put(&folder(n), "a", step);
            tokio::time::sleep(Duration::from_millis(random.u64(..1500))).await;
        }
        store.come_back();
        store.set_latency(Duration::ZERO);
        for n in 0..count {
            store.mode(&folder(n), Mode::Honest);
            store.put(&folder(n), "a", 1000 + seed);
        }
        let took = all_live(&watches).await;
        assert!(took < Duration::from_secs(20), "seed {seed}: {took:?}");
        for (n, received) in received_by_all.iter().enumerate() {
            until(
                &format!("seed {seed}: {} shows the last state", folder(n)),
                || received.shows(1000 + seed),
            )
            .await;
        }
        assert!(!gate.is_down(), "seed {seed}");
        until(&format!("seed {seed}: all are held"), || {
            (store.open(), store.held()) == (count, count)
        })
        .await;
        watches.stop(Stop::all()).await;
    }
}

/// In real time, with watchers of two supervisors on four threads.
#[actix::test]
async fn a_gate_is_shared_by_threads() {
    let gate = ReconnectGate::new();
    let store = Store::new().with_reconnect_gate(&gate);
    let all = [
        supervisor(&store).arbiters(2).start(),
        supervisor(&store).arbiters(2).start(),
    ];
    let mut received_by_all = Vec::new();
    for watches in &all {
        received_by_all.extend(watch_all(watches, 50, |_| 1).await);
    }
    for turn in 1..=5 {
        store.forget();
        store.leave(Outage::Refuses);
        until("that is noticed", || gate.is_down()).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        for n in 0..50 {
            store.put(&folder(n), "a", turn);
        }
        store.come_back();
        for watches in &all {
            all_live(watches).await;
        }
        for received in &received_by_all {
            until("it shows the state", || received.shows(turn)).await;
        }
        assert!(
            store.most_short() <= ReconnectGate::MAX_CONCURRENT,
            "{} at a time",
            store.most_short()
        );
    }
}

/// Those whose turn it is stand still, with their thread.
#[actix::test]
async fn a_blocked_thread_delays_no_other() {
    let gate = ReconnectGate::new();
    let store = Store::new().with_reconnect_gate(&gate);
    let watches = supervisor(&store).arbiters(1).start();
    watch_all(&watches, 20, |_| 1).await;
    let thread = Arbiter::new();
    let same = store.clone();
    let there =
        WatchSupervisor::start_in_arbiter(&thread.handle(), move |_| supervisor(&same).arbiters(0));
    watch_all(&there, 50, |_| 3).await;
    store.leave(Outage::Refuses);
    until("that is noticed", || gate.is_down() && store.open() == 0).await;
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    thread.spawn_fn(move || {
        // Until the other end is dropped.
        let _ = blocked.recv();
    });
    store.come_back();
    all_live(&watches).await;
    drop(release);
    all_live(&there).await;
}
