//! Two of three servers die: the third is cut off, and answers stale reads alone.

use std::time::{Duration, SystemTime};

use consul_watch::client::Consistency;
use consul_watch::{FailureClass, Key, KeyPrefix, Service};
use consul_watch_harness::fixture::{until_query, watch};
use consul_watch_harness::{DEADLINE, TestCluster, eventually_async};

use crate::{supervisor, until_live_since};

const STALE: Consistency = Consistency::Stale { max_stale: None };
const HARDLY_STALE: Consistency = Consistency::Stale {
    max_stale: Some(Duration::from_millis(500)),
};

#[actix_rt::test]
async fn a_server_that_is_cut_off_answers_stale_reads_alone() {
    let cluster = TestCluster::start();
    let (leader, followers) = cluster.leader_and_followers();
    leader.put("cluster/a", "1");
    // A stale read may be ahead of the replication.
    eventually_async(DEADLINE, "the replica", || {
        followers[0]
            .request("GET", "/v1/kv/cluster/a?stale", &[], b"")
            .status
            == 200
    })
    .await;
    let watches = supervisor(&[followers[0].url()]);
    let (key, stale_key) = (
        Key::new("cluster/a"),
        Key::new("cluster/a").with_consistency(STALE),
    );
    let mut fresh = watch(&watches, key.clone()).await;
    let mut stale = watch(&watches, stale_key.clone()).await;
    // The streaming backend of newer releases answers this watch without a leader, too.
    let service = Service::new("consul");
    let mut instances = watch(&watches, service.clone()).await;
    instances.next("the servers").await;
    fresh.says(&["added cluster/a=1"]).await;
    stale.says(&["added cluster/a=1"]).await;

    leader.kill();
    followers[1].kill();
    let cut_off = SystemTime::now();
    until_query(&watches, &key, "a failure", |status| {
        status.state.name() == "retrying"
    })
    .await;
    until_query(&watches, &service, "a failure", |status| {
        status.state.name() == "retrying"
    })
    .await;
    // New watches get what the server has, or nothing.
    let prefix = KeyPrefix::new("cluster");
    let stale_prefix = prefix.clone().with_consistency(STALE);
    let hardly_stale = prefix.clone().with_consistency(HARDLY_STALE);
    let mut late_stale = watch(&watches, stale_prefix.clone()).await;
    late_stale.says(&["added cluster/a=1"]).await;
    until_live_since(&watches, &stale_key, cut_off).await;
    until_query(
        &watches,
        &stale_prefix,
        "an answer that says how stale it is",
        |status| {
            status
                .last_contact
                .is_some_and(|age| age > Duration::from_millis(500))
        },
    )
    .await;
    let mut late_hardly = watch(&watches, hardly_stale.clone()).await;
    let mut late_fresh = watch(&watches, prefix.clone()).await;
    for query in [&hardly_stale, &prefix] {
        until_query(&watches, query, "a refusal", |status| {
            status
                .state
                .error()
                .is_some_and(|error| error.class() == FailureClass::Transient)
        })
        .await;
    }
    late_fresh.has_nothing("there is no leader");
    late_hardly.has_nothing("the server's state is older than was allowed");
    fresh.has_nothing("nothing was written");
    stale.has_nothing("nothing was written");

    // With one of them back there is a majority again.
    followers[1].restart();
    late_fresh.says(&["added cluster/a=1"]).await;
    late_hardly.says(&["added cluster/a=1"]).await;
    until_query(&watches, &service, "that it is live", |status| {
        status.state.is_live()
    })
    .await;
    for query in [&key, &stale_key] {
        until_query(&watches, query, "that it is live", |status| {
            status.state.is_live()
        })
        .await;
    }
    fresh.has_nothing("nothing was written");
    stale.has_nothing("nothing was written");
    followers[1].put("cluster/a", "2");
    fresh.says(&["updated cluster/a=1→2"]).await;
    stale.says(&["updated cluster/a=1→2"]).await;
    for feed in [&mut late_fresh, &mut late_stale, &mut late_hardly] {
        feed.says(&["updated cluster/a=1→2"]).await;
    }
}
