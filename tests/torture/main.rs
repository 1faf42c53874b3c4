//! A fault campaign: a real agent behind a faulty network, and subscribers that come, go, stall and panic.
//!
//! The schedule follows from a seed that is printed; `CONSUL_WATCH_SEED` sets it. It lasts
//! `CONSUL_WATCH_TORTURE_SECONDS`, 20 if unset; `cargo xtask torture --minutes N` sets that and shows the
//! report. The clock and the scheduler have their part in what happens, so a seed repeats the schedule, not
//! every interleaving.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod company;
mod faults;
mod finale;
mod ledger;
mod listener;
mod player;
mod random;
mod record;
mod report;
mod resources;
mod saboteur;
mod scene;
mod writer;

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use actix::prelude::*;
use consul_watch::{Backoff, ConsulConfig, Ready, WatchSupervisor};
use consul_watch_harness::{FaultProxy, TestAgent};

use crate::company::Company;
use crate::finale::Finale;
use crate::ledger::Ledger;
use crate::random::{Random, seed};
use crate::report::Report;
use crate::scene::Scene;

const WRITERS: usize = 3;

fn length() -> Duration {
    let seconds = std::env::var("CONSUL_WATCH_TORTURE_SECONDS").unwrap_or_else(|_| "20".to_owned());
    Duration::from_secs(
        seconds
            .parse()
            .expect("CONSUL_WATCH_TORTURE_SECONDS is a number"),
    )
}

/// One that knows soon when a silent peer is dead, and retries soon.
fn supervisor(proxy: &FaultProxy) -> (ConsulConfig, Addr<WatchSupervisor>) {
    let config = ConsulConfig::default()
        .with_address(proxy.url())
        .expect("an address")
        .with_gzip(false);
    let config = config
        .with_wait(Duration::from_secs(2))
        .with_deadline_margin(Duration::from_secs(1))
        .with_request_timeout(Duration::from_secs(2));
    let soon = Backoff::new(Duration::from_millis(20), Duration::from_secs(1)).expect("a back-off");
    let its_own = config.clone();
    // On another thread than the subscribers: a Stop is carried out though theirs is held up.
    let watches = WatchSupervisor::start_in_arbiter(&Arbiter::new().handle(), move |_| {
        WatchSupervisor::new(its_own).backoff(soon)
    });
    (config, watches)
}

#[actix_rt::test]
async fn whatever_breaks_every_subscriber_ends_up_with_consuls_state() {
    let (seed, length) = (seed(), length());
    println!("CONSUL_WATCH_SEED={seed}");
    listener::mute_the_panics();
    let mut random = Random::new(seed);
    let ledger = Arc::new(Ledger::new());
    let agent = Arc::new(TestAgent::start());
    let proxy = Arc::new(FaultProxy::start(agent.http_addr()));
    let (config, watches) = supervisor(&proxy);
    let scene = Rc::new(Scene::new(Arc::clone(&ledger)));
    let mut company = Company::new(&watches, &config, &scene, random.fork());

    // Once around at rest: what is made once, and kept, is no leak.
    company.gather().await;
    let ready = tokio::time::timeout(player::REPLY, watches.send(Ready::all())).await;
    ready
        .expect("the watches are ready")
        .expect("the supervisor runs")
        .expect("they can be answered");
    let mut rest = Finale {
        agent: &agent,
        proxy: &proxy,
        scene: &scene,
        company: &mut company,
    };
    let before = rest.let_go(None).await;

    let going = Arc::new(AtomicBool::new(true));
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let (http, ledger, going) = (agent.http(), Arc::clone(&ledger), Arc::clone(&going));
            let random = random.fork();
            thread::spawn(move || {
                writer::write(&http, random, &format!("w{number}"), &ledger, &going)
            })
        })
        .collect();
    let saboteur = {
        let (agent, proxy, ledger) = (Arc::clone(&agent), Arc::clone(&proxy), Arc::clone(&ledger));
        let random = random.fork();
        thread::spawn(move || saboteur::sabotage(&agent, &proxy, &ledger, random, length))
    };
    scene.calm.set(false);
    while !saboteur.is_finished() {
        company.act().await;
    }
    let injected = saboteur.join().expect("the saboteur has not panicked");
    going.store(false, Ordering::SeqCst);
    while !writers.iter().all(thread::JoinHandle::is_finished) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for writer in writers {
        writer.join().expect("a writer has not panicked");
    }

    let mut finale = Finale {
        agent: &agent,
        proxy: &proxy,
        scene: &scene,
        company: &mut company,
    };
    finale.run().await;
    let after = finale.let_go(Some(&before)).await;

    let stats = proxy.stats();
    let (injected, tally) = (&injected, &*scene.tally.borrow());
    let (broken, requests) = (stats.faults, stats.requests);
    let report = Report {
        seed,
        length,
        injected,
        broken,
        requests,
        ledger: &ledger,
        tally,
        before,
        after,
    };
    println!("\n{report}");
    let violations = scene.violations();
    assert!(
        violations.is_empty(),
        "seed {seed}: {} violations, shown above",
        tally.violations
    );
}
