//! The leader dies: the watch at a follower goes on with the next one.

use std::thread;
use std::time::{Duration, Instant};

use consul_watch::Key;
use consul_watch_harness::{Http, TestCluster};

use crate::feed::{Feed, SOON, supervisor};
use crate::theirs::Theirs;

const KEY: &str = "cluster/a";

/// Writes as soon as there is a leader again, and says when it was taken.
fn write(http: &Http, value: &str) -> Instant {
    let http = http.clone().with_timeout(Duration::from_secs(5));
    let deadline = Instant::now() + SOON;
    while let Err(error) = http.try_put(KEY, value.as_bytes()) {
        assert!(Instant::now() < deadline, "no write is taken: {error}");
        // It is the election that is polled for here.
        thread::sleep(Duration::from_millis(20));
    }
    Instant::now()
}

#[actix_rt::test]
async fn deliveries_go_on_after_the_leaders_death() {
    let cluster = TestCluster::start();
    let (leader, followers) = cluster.leader_and_followers();
    followers[0].put(KEY, "1");
    let watches = supervisor(&[followers[0].url()]);
    let mut feed = Feed::watch(&watches, Key::new(KEY)).await;
    feed.says("added cluster/a=1").await;
    let theirs = Theirs::watch(followers[0], KEY);
    assert!(
        theirs.says("MQ==", SOON).is_some(),
        "consul watch shows the first state"
    );
    followers[1].put(KEY, "2");
    feed.says("updated cluster/a=2").await;
    assert!(
        theirs.says("Mg==", SOON).is_some(),
        "consul watch shows a change"
    );

    leader.kill();
    let died = Instant::now();
    let http = followers[1].http();
    let writer = thread::spawn(move || write(&http, "3"));
    let ours = feed.says("updated cluster/a=3").await;
    let theirs = theirs.says("Mw==", SOON);
    let taken = writer.join().expect("the write was taken");
    let after = |at: Instant| format!("{:.2} s", at.saturating_duration_since(died).as_secs_f64());
    println!(
        "after the leader's death: write taken {}, delivered by us {}, by `consul watch` {}",
        after(taken),
        after(ours),
        theirs.map_or_else(|| format!("not within {SOON:?}"), after)
    );

    // The old leader comes back as a follower, and that is no change.
    leader.restart();
    feed.has_nothing("nothing was written");
    leader.put(KEY, "4");
    feed.says("updated cluster/a=4").await;
}
