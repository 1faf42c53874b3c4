//! Thousands of watches over HTTPS: as many connections as their streams need, and every change is delivered.

use consul_watch::{Status, WatchState};

use crate::folders::Folders;
use crate::secure::{SecureFixture, start};

const WATCHES: usize = 2_000;

/// Of Consul's 250 streams a connection, 240 are used.
const CONNECTIONS: u64 = 2_000 / 240 + 1;

#[actix_rt::test]
async fn two_thousand_folders_share_nine_connections_and_all_changes_come() {
    let SecureFixture {
        agent,
        proxy,
        watches,
        ..
    } = &start(|config| config);
    let mut folders = Folders::watch(WATCHES, agent, watches).await;
    folders.write(agent, "second");
    folders.deliver("second").await;

    let statuses = watches
        .send(Status::all())
        .await
        .expect("the supervisor runs");
    assert_eq!(statuses.len(), WATCHES);
    let live = |status: &consul_watch::WatchStatus| {
        matches!(status.state, WatchState::Live) && status.restarts == 0
    };
    assert!(
        statuses.iter().all(live),
        "all are held, and none ever failed"
    );
    assert!(proxy.stats().accepted <= CONNECTIONS, "{:?}", proxy.stats());
}
