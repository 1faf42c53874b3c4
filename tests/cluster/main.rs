//! Three servers, of which some are killed: deliveries continue from those that are left.

// Only Linux has more loopback addresses than one.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot continue has failed"
)]

mod address_killed;
mod leader_killed;
mod majority_lost;
mod official_watch;

use std::time::{Duration, SystemTime};

use actix::prelude::*;
use consul_watch::actors::Query;
use consul_watch::{ConsulConfig, WatchSupervisor};
use consul_watch_harness::fixture::{self, until_query};

/// Starts a supervisor with these addresses that soon gives up a silent one, and soon retries.
fn supervisor(addresses: &[String]) -> Addr<WatchSupervisor> {
    let config = ConsulConfig::default()
        .with_addresses(addresses)
        .expect("addresses")
        .with_wait(Duration::from_secs(2))
        .with_deadline_margin(Duration::from_secs(1));
    fixture::supervisor(&config)
}

/// Waits until the watch is live by an answer that came after this moment.
async fn until_live_since<Q: Query<Source = ConsulConfig>>(
    watches: &Addr<WatchSupervisor>,
    query: &Q,
    since: SystemTime,
) {
    until_query(watches, query, "a new answer", |status| {
        status.state.is_live() && status.last_answer.is_some_and(|at| at > since)
    })
    .await;
}
