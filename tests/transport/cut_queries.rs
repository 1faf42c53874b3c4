//! Consul holds a query that was cut off until its wait ends. Watches that come and go stay below its limit of
//! connections nevertheless.

use std::time::{Duration, Instant};

use consul_watch::{ConsulConfig, Ready, Status, Stop};
use consul_watch_harness::{DEADLINE, TestAgent, fixture::supervisor};

use crate::values::Values;

/// Twice that is more than the 200 connections that Consul accepts.
const WATCHES: usize = 150;

#[actix_rt::test]
async fn watches_that_come_and_go_do_not_exceed_consuls_limit() {
    let agent = TestAgent::dev();
    let config = ConsulConfig::default()
        .with_address(agent.url())
        .expect("an address");
    let watches = supervisor(&config.with_wait(Duration::from_secs(8)));
    for round in 0..3 {
        let mut values = Values::start();
        for n in 0..WATCHES {
            values.watch(&watches, format!("{round}/{n}")).await;
        }
        let ready = tokio::time::timeout(DEADLINE, watches.send(Ready::all())).await;
        ready
            .expect("in time")
            .expect("the supervisor runs")
            .expect("they can be answered");
        for _ in 0..WATCHES {
            assert_eq!(values.next("the first state").await, None);
        }
        // Some of them wait for the permits of the last round, and are late at most.
        let deadline = Instant::now() + 2 * DEADLINE;
        loop {
            let all = watches
                .send(Status::all())
                .await
                .expect("the supervisor runs");
            let failed: Vec<_> = all.iter().filter(|status| status.restarts > 0).collect();
            assert!(
                failed.is_empty(),
                "{} were turned away, such as {}",
                failed.len(),
                failed[0]
            );
            let waiting = all.iter().filter(|status| !status.state.is_live()).count();
            println!("round {round}: {waiting} are polling");
            if waiting == 0 {
                break;
            }
            assert!(Instant::now() < deadline, "{waiting} have no permit yet");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        // Consul still answers other clients of this machine.
        agent.put(&format!("{round}/0"), "x");
        assert_eq!(values.next("the change").await.as_deref(), Some("x"));
        watches
            .send(Stop::all())
            .await
            .expect("the supervisor runs");
    }
}
