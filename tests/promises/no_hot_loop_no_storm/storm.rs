//! However many watches there are, one of them asks while Consul is away, and all come back with it.

use std::time::{Duration, Instant};

use consul_watch::KeyPrefix;
use consul_watch_harness::{Fixture, state};

const WATCHES: u64 = 80;

#[actix_rt::test]
async fn one_watch_asks_while_consul_is_away_and_all_come_back() {
    let fixture = Fixture::persistent();
    let mut feeds = Vec::new();
    for number in 0..WATCHES {
        feeds.push(
            fixture
                .watch(KeyPrefix::new(format!("app/{number}/")))
                .await,
        );
    }
    for feed in &mut feeds {
        feed.next("the first delivery").await;
    }
    fixture.agent.kill();
    for number in 0..WATCHES {
        fixture
            .until_failing(&format!("keyprefix:app/{number}/"))
            .await;
    }
    let (before, begun) = (fixture.proxy.stats().accepted, Instant::now());
    tokio::time::sleep(Duration::from_secs(4)).await;
    let (attempts, outage) = (fixture.proxy.stats().accepted - before, begun.elapsed());
    println!("{attempts} attempts of {WATCHES} watches in {outage:?}");
    // The pauses are 250 ms on average; without turns each watch would come to as many attempts.
    assert!(attempts > 0, "nobody asks");
    assert!(
        u128::from(attempts) < 10 + outage.as_millis() / 100,
        "{attempts} attempts in {outage:?}"
    );

    fixture.agent.restart();
    for number in 0..WATCHES {
        fixture
            .agent
            .put(&format!("app/{number}/k"), number.to_string());
    }
    for (number, feed) in feeds.iter_mut().enumerate() {
        let changed = feed.next("what was written after the restart").await;
        let expected = [(format!("app/{number}/k"), number.to_string().into_bytes())];
        assert_eq!(state(&*changed.current), expected.into_iter().collect());
    }
    println!(
        "{} attempts until all were back",
        fixture.proxy.stats().accepted - before
    );
    for number in 0..WATCHES {
        fixture
            .until_live(&format!("keyprefix:app/{number}/"))
            .await;
    }
}
