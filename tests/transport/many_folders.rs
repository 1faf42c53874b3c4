//! Thousands of watches over HTTPS: as many connections as their streams need, and everybody is told.

use std::time::Duration;

use consul_watch::{ConsulConfig, Status, WatchState};
use consul_watch_harness::{Authority, FaultProxy};

use crate::feed::supervisor;
use crate::folders::Folders;

const WATCHES: usize = 2_000;

/// Of Consul's 250 streams a connection, 240 are used.
const CONNECTIONS: u64 = 2_000 / 240 + 1;

const WITHIN: Duration = Duration::from_secs(30);

#[actix_rt::test]
async fn two_thousand_folders_share_nine_connections_and_all_changes_come() {
    let authority = Authority::new();
    let agent = authority.agent().start();
    let proxy = FaultProxy::raw(agent.https_addr());
    let config = ConsulConfig::default()
        .with_address(format!("https://{}", proxy.addr()))
        .expect("an address")
        .with_ca_file(authority.certificate());
    let watches = supervisor(&config);
    let mut folders = Folders::watch(WATCHES, &agent, &watches, WITHIN).await;
    folders.write(&agent, "second");
    folders.are_told("second", WITHIN).await;

    let statuses = watches.send(Status::all()).await.expect("the supervisor runs");
    assert_eq!(statuses.len(), WATCHES);
    let live =
        |status: &consul_watch::WatchStatus| matches!(status.state, WatchState::Live) && status.restarts == 0;
    assert!(statuses.iter().all(live), "all are held, and none ever failed");
    assert!(proxy.stats().accepted <= CONNECTIONS, "{:?}", proxy.stats());
}
