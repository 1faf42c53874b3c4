//! Torture: a real Consul behind a faulty network, and subscribers that come, go, stall and panic, also in the
//! code that they give to their watches.
//!
//! Consul is one server, or, since 1.14 or with `CONSUL_WATCH_TORTURE_CLUSTER=1`, three servers with ACLs behind a client
//! agent. Then servers fail and are rolled too, and the watches' token loses rights and gets them back. Snapshots are
//! restored in both.
//!
//! The schedule follows from a seed that is printed; `CONSUL_WATCH_SEED` sets it. A run lasts
//! `CONSUL_WATCH_TORTURE_SECONDS`, by default 20; `cargo xtask torture --minutes N` sets it and shows the report.
//! The clock and the scheduler have their part too, so a seed repeats the schedule and not every interleaving.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot continue has failed"
)]

mod catalog;
mod checker;
mod convergence;
mod fault_injector;
mod faults;
mod history;
mod policy;
mod recording_actor;
mod registrar;
mod report;
mod resources;
mod restorer;
mod run_state;
mod site;
mod state;
mod subscriber;
mod subscribers;
mod threads;
mod truth;
mod user_code;
mod watched;
mod writer;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use consul_watch::{Backoff, ConsulConfig, Ready, WatchSupervisor};
use consul_watch_harness::random::{Rng, seed};
use consul_watch_harness::{DEADLINE, FaultProxy};

use crate::convergence::Convergence;
use crate::history::History;
use crate::report::Report;
use crate::run_state::RunState;
use crate::site::Site;
use crate::subscribers::Subscribers;
use crate::threads::Threads;

fn length() -> Duration {
    let seconds = std::env::var("CONSUL_WATCH_TORTURE_SECONDS").unwrap_or_else(|_| "20".to_owned());
    Duration::from_secs(
        seconds
            .parse()
            .expect("CONSUL_WATCH_TORTURE_SECONDS is a number"),
    )
}

/// Starts a supervisor that soon gives up a silent peer, and soon retries.
fn supervisor(site: &Site, proxy: &FaultProxy) -> (ConsulConfig, Addr<WatchSupervisor>) {
    let config = ConsulConfig::default()
        .with_address(proxy.url())
        .expect("an address")
        .with_gzip(false);
    let config = config
        .with_wait(Duration::from_secs(2))
        .with_deadline_margin(Duration::from_secs(1))
        .with_request_timeout(Duration::from_secs(2));
    let config = match site.rights() {
        Some(rights) => config.with_token(&*rights.secret),
        None => config,
    };
    let soon = Backoff::new(Duration::from_millis(20), Duration::from_secs(1)).expect("a back-off");
    let its_own = config.clone();
    // On another thread than the subscribers, so that a Stop is carried out while theirs is blocked.
    let watches = WatchSupervisor::start_in_arbiter(&Arbiter::new().handle(), move |_| {
        WatchSupervisor::new(its_own).backoff(soon)
    });
    (config, watches)
}

#[actix_rt::test]
async fn whatever_breaks_every_subscriber_ends_up_with_consuls_state() {
    let (seed, length) = (seed(), length());
    user_code::mute_expected_panics();
    let mut random = Rng::with_seed(seed);
    let history = Arc::new(History::new());
    let site = Arc::new(Site::start());
    let proxy = Arc::new(FaultProxy::start(site.agent().http_addr()));
    let (config, watches) = supervisor(&site, &proxy);
    let run_state = Rc::new(RunState::new(Arc::clone(&history)));
    let mut subscribers = Subscribers::new(&watches, &config, &run_state, random.fork());

    // Once around without faults: memory that is allocated once and kept is no leak.
    subscribers.subscribe_all().await;
    let ready = tokio::time::timeout(DEADLINE, watches.send(Ready::all())).await;
    ready
        .expect("the watches are ready")
        .expect("the supervisor runs")
        .expect("they can be answered");
    let mut rest = Convergence {
        site: &site,
        proxy: &proxy,
        run_state: &run_state,
        subscribers: &mut subscribers,
    };
    let before = rest.release(None).await;

    let threads = Threads::start(&site, &proxy, &history, &mut random, length);
    run_state.calm.set(false);
    user_code::may_panic(Some(random.fork()));
    while threads.are_injecting() {
        subscribers.act_at_random().await;
    }
    let injected = threads.join().await;

    let mut convergence = Convergence {
        site: &site,
        proxy: &proxy,
        run_state: &run_state,
        subscribers: &mut subscribers,
    };
    convergence.run().await;
    let after = convergence.release(Some(&before)).await;

    let stats = proxy.stats();
    let (injected, counters) = (&injected, &*run_state.counters.borrow());
    let (broken, requests) = (stats.faults, stats.requests);
    let report = Report {
        seed,
        length,
        injected,
        broken,
        requests,
        history: &history,
        counters,
        before,
        after,
    };
    println!("\n{report}");
    let violations = run_state.violations();
    assert!(
        violations == 0,
        "seed {seed}: {violations} violations, the first of them shown above"
    );
}
