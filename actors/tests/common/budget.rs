//! A store with a connection budget, and its watches.

use std::time::Duration;

use actix::prelude::*;
use consul_watch_actors::{ConnectionBudget, Status, SubscriptionId, WatchSupervisor};

use super::{Received, Recorder, Store, SupervisorExt, paused};

pub const POLL_EVERY: Duration = Duration::from_secs(10);
/// The longest time between two polls of a queued watch, in seconds, and a little for the rest.
pub const LATEST: u64 = 13;

pub type Watches = Addr<WatchSupervisor<Store>>;

/// A store with this many permits, and its supervisor under a paused clock.
pub fn stage(count: usize) -> (Store, ConnectionBudget, Watches) {
    let budget = ConnectionBudget::new(count)
        .with_short_permits(4)
        .with_poll_interval(POLL_EVERY);
    let store = Store::new().with_connection_budget(&budget);
    let watches = paused(&store);
    (store, budget, watches)
}

/// Watches these folders one after the other, so that they come in this order.
pub async fn watch_all<F: AsRef<str>>(
    watches: &Watches,
    folders: impl IntoIterator<Item = F>,
) -> Vec<(SubscriptionId, Received, Addr<Recorder>)> {
    let mut all = Vec::new();
    for folder in folders {
        let (subscriber, received) = Recorder::prompt();
        let id = watches.watch(folder.as_ref(), subscriber.clone()).await;
        watches.ready(folder.as_ref()).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        all.push((id, received, subscriber));
    }
    all
}

/// The names of the watches that are in this state.
pub async fn are(watches: &Watches, state: &str) -> Vec<String> {
    let all = watches.send(Status::all()).await.unwrap();
    let so = all.iter().filter(|status| status.state.name() == state);
    so.map(|status| status.path.name().to_owned()).collect()
}
