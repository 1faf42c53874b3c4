//! While Consul is down, one watch of many probes it; when it is back, all of them reconnect.

use std::time::{Duration, Instant};

use consul_watch::KeyPrefix;
use consul_watch_harness::{DEADLINE, Fixture, state};

const WATCHES: u64 = 80;
const PROBES: u64 = 20;

#[actix_rt::test]
async fn one_watch_probes_while_consul_is_down_and_all_reconnect() {
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
    fixture
        .proxy
        .until(DEADLINE, "probes", |stats| {
            stats.accepted >= before + PROBES
        })
        .await;
    // The pauses have full jitter up to 500 ms, so this is below what twenty of them ever come to; eighty watches
    // that probe for themselves take 60 ms. A slow machine takes longer, never shorter.
    let took = begun.elapsed();
    println!("{PROBES} probes of {WATCHES} watches in {took:?}");
    assert!(
        took >= Duration::from_secs(2),
        "{PROBES} probes in {took:?}"
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
