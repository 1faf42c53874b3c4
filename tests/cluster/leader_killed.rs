//! The leader dies: the watch at a follower continues with the next one.

use std::thread;
use std::time::{Duration, Instant};

use consul_watch::Key;
use consul_watch_harness::fixture::watch;
use consul_watch_harness::{DEADLINE, Http, TestCluster};

use crate::official_watch::OfficialWatch;
use crate::supervisor;

const KEY: &str = "cluster/a";

/// Writes as soon as there is a leader again, and returns the time of the write.
fn write(http: &Http, value: &str) -> Instant {
    let http = http.clone().with_timeout(Duration::from_secs(5));
    let deadline = Instant::now() + DEADLINE;
    while let Err(error) = http.try_put(KEY, value.as_bytes()) {
        assert!(Instant::now() < deadline, "no write succeeds: {error}");
        thread::sleep(Duration::from_millis(20));
    }
    Instant::now()
}

#[actix_rt::test]
async fn deliveries_continue_after_the_leaders_death() {
    let cluster = TestCluster::start();
    let (leader, followers) = cluster.leader_and_followers();
    followers[0].put(KEY, "1");
    let watches = supervisor(&[followers[0].url()]);
    let mut feed = watch(&watches, Key::new(KEY)).await;
    feed.says(&["added cluster/a=1"]).await;
    let official = OfficialWatch::start(followers[0], KEY);
    assert!(
        official.says("MQ==", DEADLINE).is_some(),
        "consul watch shows the first state"
    );
    followers[1].put(KEY, "2");
    feed.says(&["updated cluster/a=1→2"]).await;
    assert!(
        official.says("Mg==", DEADLINE).is_some(),
        "consul watch shows a change"
    );

    leader.kill();
    let died = Instant::now();
    let http = followers[1].http();
    let writer = thread::spawn(move || write(&http, "3"));
    feed.says(&["updated cluster/a=2→3"]).await;
    let ours = Instant::now();
    let official = official.says("Mw==", DEADLINE);
    let written = writer.join().expect("the write succeeded");
    let after = |at: Instant| format!("{:.2} s", at.saturating_duration_since(died).as_secs_f64());
    println!(
        "after the leader's death: write done {}, delivered by consul-watch {}, by `consul watch` {}",
        after(written),
        after(ours),
        official.map_or_else(|| format!("not within {DEADLINE:?}"), after)
    );

    // The old leader comes back as a follower, and that is no change.
    leader.restart();
    feed.has_nothing("nothing was written");
    leader.put(KEY, "4");
    feed.says(&["updated cluster/a=3→4"]).await;
}
