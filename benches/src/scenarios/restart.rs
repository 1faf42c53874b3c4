//! A restart of Consul under a thousand watches.

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use consul_watch_harness::{Cut, FaultProxy, Refusal};

use crate::config::Config;
use crate::measure::{MedianRange, monotonic_ns};
use crate::outcome::{Check, Outcome, Side};
use crate::scale::{ChildProcess, Fixture, STREAMS, fill, measure, median_range};
use crate::scenario::Scenario;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "restart",
    title: "Consul restarted under 1,000 watches, HTTPS",
    method: "A process watches 1,000 prefixes over HTTPS through a proxy that counts connections. The connections \
             are cut and new ones refused; every key is written unseen; the agent is killed and started again with its \
             data, and the proxy accepts connections as soon as the agent's port does. The time runs from the agent's \
             first accepted write until every watch has delivered the new value and is live. Beside it, on the same \
             agent after another restart: 1,000 fresh queries of the bare loop, all at once, on at most 100 connections, \
             from the first accepted write until the last response. 3 rounds.",
    run,
};

const WITHIN: Duration = Duration::from_secs(120);

struct Sample {
    delivered_s: f64,
    live_s: f64,
    attempts: f64,
}

fn run(config: &Config) -> Result<Outcome, String> {
    let (rounds, count) = config.either((3, 1_000), (1, 100));
    let fixture = Fixture::lasting()?;
    let proxy = FaultProxy::raw(fixture.agent.https_addr());
    let mut written = 0;
    let (mut found, mut bare) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        eprintln!("round {} of {rounds}: consul-watch", round + 1);
        found.push(ours(config, &fixture, &proxy, count, &mut written)?);
        eprintln!("round {} of {rounds}: fresh queries", round + 1);
        bare.push(fresh(config, &fixture, &proxy, count)?);
    }
    let live: Vec<f64> = found.iter().map(|found| found.live_s).collect();
    let attempts = median_range(&found, |found| found.attempts);
    let needed = count.div_ceil(STREAMS);
    // One attempt finds that Consul is not ready yet; a second one may follow.
    let limit = 2 * needed + 10;
    Ok(Outcome {
        checks: vec![
            Check::at_most(
                format!("{count} watches, all live and notified"),
                "≤ 2 × the fresh queries of the bare loop",
                2.0,
                &MedianRange::of_ratios(&live, &bare),
                "×",
            ),
            Check::at_most(
                "connection attempts since the port is open",
                format!("bounded: ≤ {limit} ({needed} are needed)"),
                limit as f64,
                &attempts,
                "",
            ),
        ],
        measures: vec![
            measure(
                "since Consul answers",
                "s",
                [
                    (
                        "consul-watch: all notified",
                        Side::Ours,
                        median_range(&found, |found| found.delivered_s),
                    ),
                    (
                        "consul-watch: all notified and live",
                        Side::Ours,
                        median_range(&found, |found| found.live_s),
                    ),
                    (
                        "fresh queries of the bare loop",
                        Side::Floor,
                        MedianRange::of(&bare),
                    ),
                ],
            ),
            measure(
                "connection attempts",
                "",
                [("consul-watch", Side::Ours, attempts)],
            ),
        ],
        ..Outcome::default()
    })
}

fn ours(
    config: &Config,
    fixture: &Fixture,
    proxy: &FaultProxy,
    count: usize,
    written: &mut u32,
) -> Result<Sample, String> {
    *written += 1;
    fill(&fixture.agent, count, *written)?;
    let mut child = ChildProcess::start_at(
        config,
        "hold",
        fixture,
        proxy.addr(),
        &["folders", &count.to_string()],
    )?;
    child.begin(*written, WITHIN)?;
    proxy.refuse(Refusal::Closed);
    proxy.cut(Cut::Reset);
    *written += 1;
    fill(&fixture.agent, count, *written)?;
    fixture.agent.kill();
    let before = proxy.stats().accepted;
    let answering = thread::scope(|scope| {
        let opened = scope.spawn(|| {
            let opened = until_open(fixture.agent.https_addr());
            proxy.pass();
            opened
        });
        fixture.agent.restart();
        let answering = monotonic_ns();
        opened
            .join()
            .map_err(|_| "polling the port failed".to_owned())?
            .map(|()| answering)
    })?;
    let delivered = child.delivered(*written, WITHIN)?;
    until_live(&mut child, count)?;
    let since = |at: u64| at.saturating_sub(answering) as f64 / 1e9;
    let attempts = (proxy.stats().accepted - before) as f64;
    Ok(Sample {
        delivered_s: since(delivered.at),
        live_s: since(monotonic_ns()),
        attempts,
    })
}

/// Returns the time that `count` fresh queries take after a restart.
fn fresh(
    config: &Config,
    fixture: &Fixture,
    proxy: &FaultProxy,
    count: usize,
) -> Result<f64, String> {
    let mut child = ChildProcess::start_at(
        config,
        "queries",
        fixture,
        proxy.addr(),
        &[&count.to_string()],
    )?;
    fixture.agent.restart();
    let started = monotonic_ns();
    child.go()?;
    let line = child.line("answered", WITHIN)?;
    let numbers: Vec<u64> = line
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    let [at, failed] = numbers[..] else {
        return Err(format!("answered {line}?"));
    };
    if failed > 0 {
        return Err(format!("{failed} of {count} fresh queries failed"));
    }
    Ok(at.saturating_sub(started) as f64 / 1e9)
}

fn until_open(address: SocketAddr) -> Result<(), String> {
    let deadline = Instant::now() + WITHIN;
    while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
        if Instant::now() >= deadline {
            return Err(format!("{address} does not open within {WITHIN:?}"));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn until_live(child: &mut ChildProcess, count: usize) -> Result<(), String> {
    let deadline = Instant::now() + WITHIN;
    loop {
        let live = child.count_of("live", WITHIN)?;
        if live == count {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(format!("only {live} of {count} watches are live"));
        }
        thread::sleep(Duration::from_millis(5));
    }
}
