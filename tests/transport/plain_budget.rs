//! More watches over plain HTTP than Consul accepts connections: the budget is used, and no change is lost.

use std::time::{Duration, Instant};

use consul_watch::{ConsulConfig, Status, WatchState};
use consul_watch_harness::{
    DEADLINE, FaultProxy, TestAgent,
    fixture::{supervisor, until},
};

use crate::folders::Folders;
use crate::values::Values;

const WATCHES: usize = 1_000;

#[actix_rt::test]
async fn a_thousand_watches_use_the_budget_and_the_rest_polls() {
    let agent = TestAgent::dev();
    let proxy = FaultProxy::start(agent.http_addr());
    let config = ConsulConfig::default()
        .with_address(proxy.url())
        .expect("an address");
    let budget = config.max_watch_connections();
    let watches = supervisor(&config);
    let mut folders = Folders::watch(WATCHES, &agent, &watches).await;

    // The budget starts with few permits, and doubles while nothing is refused.
    let deadline = Instant::now() + DEADLINE;
    let statuses = loop {
        let statuses = watches.send(Status::all()).await;
        let statuses = statuses.expect("the supervisor runs");
        let live = statuses
            .iter()
            .filter(|status| status.state.is_live())
            .count();
        if live == budget {
            break statuses;
        }
        assert!(
            live < budget && Instant::now() < deadline,
            "{live} are live"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let count =
        |is: fn(&WatchState) -> bool| statuses.iter().filter(|status| is(&status.state)).count();
    let polling = |state: &WatchState| matches!(state, WatchState::Polling { .. });
    assert_eq!(
        count(polling),
        WATCHES - budget,
        "the others report that they poll"
    );
    assert!(proxy.open() < 200, "{:?}", proxy.stats());

    folders.write(&agent, "second");
    folders.deliver("second").await;
    let statuses = watches
        .send(Status::all())
        .await
        .expect("the supervisor runs");
    assert!(
        statuses.iter().all(|status| status.restarts == 0),
        "none was refused"
    );
}

#[actix_rt::test]
async fn two_supervisors_of_one_process_share_the_smaller_budget() {
    let agent = TestAgent::dev();
    let config = ConsulConfig::default()
        .with_address(agent.url())
        .expect("an address");
    let all = [3, 2].map(|max| supervisor(&config.clone().with_max_watch_connections(max)));
    let mut values = Values::start();
    for (n, watches) in all.iter().enumerate() {
        for key in ["a", "b", "c"] {
            values.watch(watches, format!("{n}/{key}")).await;
            values.next("the first state").await;
            // Either is final: nobody gives a connection back.
            until(watches, &format!("{n}/{key}"), "an answer", |status| {
                status.state.is_live() || matches!(status.state, WatchState::Polling { .. })
            })
            .await;
        }
    }
    let mut live = Vec::new();
    for watches in &all {
        let statuses = watches.send(Status::all()).await;
        let statuses = statuses.expect("the supervisor runs");
        let so = statuses.iter().filter(|status| status.state.is_live());
        live.push(so.count());
    }
    assert_eq!(live, [3, 0], "not three of the one and two of the other");
}
