//! Many subscribers of one watch, on several threads: each gets every promise on its own.

mod common;

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use actix::prelude::*;
use common::{
    Received, Recorder, Store, SupervisorExt,
    actors::{Habit, Occupy},
    random, supervisor, until,
};
use consul_watch_actors::{Reset, Stop, SubscriptionId};
use tokio::sync::Semaphore;

const SUBSCRIBERS: usize = 30;
const ROUNDS: u64 = 80;

struct Member {
    id: SubscriptionId,
    address: Addr<Recorder>,
    received: Received,
}

/// Starts one on this arbiter.
fn start(arbiter: &Arbiter, habit: Habit) -> (Addr<Recorder>, Received) {
    let (recorder, received) = Recorder::new(habit);
    (
        Recorder::start_in_arbiter(&arbiter.handle(), move |_| recorder),
        received,
    )
}

/// Everything that waits in its mailbox has had its turn.
async fn settle(address: &Addr<Recorder>) {
    // An actor that has panicked has nothing to settle.
    let _ = address.send(Occupy(Arc::new(Semaphore::new(1)))).await;
}

#[actix::test]
async fn every_subscriber_gets_the_latest_and_none_gets_anything_after_its_stop() {
    let (_, mut random) = random();
    let store = Store::new();
    let watches = supervisor(&store).arbiters(1).start();
    let arbiters = [Arbiter::new(), Arbiter::new()];
    let (mut members, mut stopped) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let members_wanted = if round % 10 == 1 { SUBSCRIBERS } else { 0 };
        while members.len() < members_wanted {
            let habit = match random.u8(0..10) {
                0 => Habit::Slow(Duration::from_millis(random.u64(1..10))),
                1 => Habit::PanicsAt(random.u64(round..=ROUNDS)),
                _ => Habit::Prompt,
            };
            let (address, received) = start(&arbiters[random.usize(0..2)], habit);
            let id = watches.watch("app", address.clone()).await;
            members.push(Member {
                id,
                address,
                received,
            });
        }
        store.put("app", "a", round);
        match random.u8(0..8) {
            0..3 => {
                let gone: Member = members.swap_remove(random.usize(0..members.len()));
                watches.stop(Stop::subscription(gone.id)).await;
                settle(&gone.address).await;
                stopped.push((gone.received.clone(), gone.received.count(), gone));
            }
            3 => {
                watches.send(Reset::new()).await.unwrap().unwrap();
            }
            4..6 => tokio::time::sleep(Duration::from_millis(random.u64(0..8))).await,
            _ => {}
        }
    }
    for Member {
        address, received, ..
    } in &members
    {
        until("it has the latest, or has panicked on the way", || {
            !address.connected() || received.shows(ROUNDS)
        })
        .await;
        let values = received.values();
        assert!(
            values.is_sorted_by(|before, after| before < after),
            "in order, none twice: {values:?}"
        );
    }
    assert!(!stopped.is_empty());
    for (received, count, _) in &stopped {
        assert_eq!(received.count(), *count, "nothing comes after a stop");
    }
}

#[actix::test]
async fn a_blocked_thread_delays_neither_other_threads_nor_a_stop() {
    let store = Store::new();
    let watches = supervisor(&store).arbiters(1).start();
    let (blocked, free) = (Arbiter::new(), Arbiter::new());
    let (mut there, mut here) = (Vec::new(), Vec::new());
    for _ in 0..SUBSCRIBERS {
        for (arbiter, subscribers) in [(&blocked, &mut there), (&free, &mut here)] {
            let (address, received) = start(arbiter, Habit::Prompt);
            watches.watch("app", address.clone()).await;
            subscribers.push((address, received));
        }
    }
    for value in 1..3 {
        store.put("app", "a", value);
        for (_, received) in there.iter().chain(&here) {
            until("all have it", || received.shows(value)).await;
        }
    }
    let (go, gone) = mpsc::channel::<()>();
    blocked.spawn_fn(move || {
        let _ = gone.recv_timeout(Duration::from_secs(60));
    });
    for value in 3..6 {
        store.put("app", "a", value);
        for (_, received) in &here {
            until("those on the other thread have it", || {
                received.shows(value)
            })
            .await;
        }
    }
    watches.stop(Stop::path("app")).await;
    assert_eq!(store.open(), 0, "the request is closed by now");
    drop(go);
    for (address, received) in &there {
        settle(address).await;
        assert!(received.shows(2), "nothing comes after a stop");
    }
}
