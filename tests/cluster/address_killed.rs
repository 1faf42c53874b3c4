//! The server of the connection dies: another address takes over.

use std::time::{Instant, SystemTime};

use consul_watch::KeyPrefix;
use consul_watch_harness::TestCluster;
use consul_watch_harness::fixture::watch;

use crate::{supervisor, until_live_since};

#[actix_rt::test]
async fn another_address_takes_over_and_repeats_nothing() {
    let cluster = TestCluster::start();
    let (leader, followers) = cluster.leader_and_followers();
    leader.put("cluster/a", "0");
    let watches = supervisor(&[followers[0].url(), followers[1].url()]);
    let query = KeyPrefix::new("cluster");
    let mut feed = watch(&watches, query.clone()).await;
    feed.says(&["added cluster/a=0"]).await;

    // From the first to the second, and back again.
    for (turn, dies) in [(1, followers[0]), (2, followers[1])] {
        let (died, since) = (Instant::now(), SystemTime::now());
        dies.kill();
        until_live_since(&watches, &query, since).await;
        println!(
            "live at another server {:.0} ms after the death of one",
            died.elapsed().as_secs_f64() * 1e3
        );
        feed.has_nothing("nothing was written");
        leader.put("cluster/a", turn.to_string());
        feed.says(&[&format!("updated cluster/a={}→{turn}", turn - 1)])
            .await;
        dies.restart();
    }
    feed.has_nothing("nothing was written");
    leader.delete("cluster/a");
    feed.says(&["removed cluster/a=2"]).await;
}
