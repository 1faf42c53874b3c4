//! Consul restarted under a thousand watches.

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use consul_watch_harness::{Cut, FaultProxy, Refusal};

use crate::measure::{Spread, monotonic_ns};
use crate::outcome::{Check, Outcome, Side};
use crate::row::Row;
use crate::scale::{Crew, STREAMS, Stage, fill, measure, spread};
use crate::setting::Setting;

pub(crate) const ROW: Row = Row {
    name: "restart",
    title: "Consul restarted under 1,000 watches, HTTPS",
    method: "A process watches 1,000 prefixes over HTTPS through a proxy that counts connections. The connections \
             are cut and new ones refused; every key is written, which nobody sees; the agent is killed and started \
             again with its data, and the proxy takes connections as soon as the agent's port does. The time runs \
             from the agent's first answered write until every watch has told its subscriber of the new value, and \
             is live. Beside it, on the same agent after another restart: 1,000 fresh queries of the bare loop, all \
             at once, on 100 connections at most, from the first answered write until the last answer. 3 rounds.",
    run,
};

const WITHIN: Duration = Duration::from_secs(120);

struct Found {
    told_s: f64,
    live_s: f64,
    attempts: f64,
}

fn run(setting: &Setting) -> Result<Outcome, String> {
    let (rounds, count) = setting.either((3, 1_000), (1, 100));
    let stage = Stage::lasting()?;
    let proxy = FaultProxy::raw(stage.agent.https_addr());
    let mut written = 0;
    let (mut found, mut bare) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        eprintln!("round {} of {rounds}: consul-watch", round + 1);
        found.push(ours(setting, &stage, &proxy, count, &mut written)?);
        eprintln!("round {} of {rounds}: fresh queries", round + 1);
        bare.push(fresh(setting, &stage, &proxy, count)?);
    }
    let live: Vec<f64> = found.iter().map(|found| found.live_s).collect();
    let attempts = spread(&found, |found| found.attempts);
    let needed = count.div_ceil(STREAMS);
    // One that finds out that Consul is not ready yet, and the second that it may take.
    let limit = 2 * needed + 10;
    Ok(Outcome {
        checks: vec![
            Check::at_most(
                format!("{count} watches, all live and told"),
                "≤ 2 × the fresh queries of the bare loop",
                2.0,
                &Spread::of_ratios(&live, &bare),
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
                        "consul-watch: all told",
                        Side::Ours,
                        spread(&found, |found| found.told_s),
                    ),
                    (
                        "consul-watch: all told and live",
                        Side::Ours,
                        spread(&found, |found| found.live_s),
                    ),
                    (
                        "fresh queries of the bare loop",
                        Side::Floor,
                        Spread::of(&bare),
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
    setting: &Setting,
    stage: &Stage,
    proxy: &FaultProxy,
    count: usize,
    written: &mut u32,
) -> Result<Found, String> {
    *written += 1;
    fill(&stage.agent, count, *written)?;
    let mut crew = Crew::start_at(
        setting,
        "hold",
        stage,
        proxy.addr(),
        &["folders", &count.to_string()],
    )?;
    crew.begin(*written, WITHIN)?;
    proxy.refuse(Refusal::Closed);
    proxy.cut(Cut::Reset);
    *written += 1;
    fill(&stage.agent, count, *written)?;
    stage.agent.kill();
    let before = proxy.stats().accepted;
    let answering = thread::scope(|scope| {
        let opened = scope.spawn(|| {
            let opened = until_open(stage.agent.https_addr());
            proxy.pass();
            opened
        });
        stage.agent.restart();
        let answering = monotonic_ns();
        opened
            .join()
            .map_err(|_| "the look at the port has failed".to_owned())?
            .map(|()| answering)
    })?;
    let told = crew.told(*written, WITHIN)?;
    until_live(&mut crew, count)?;
    let since = |at: u64| at.saturating_sub(answering) as f64 / 1e9;
    let attempts = (proxy.stats().accepted - before) as f64;
    Ok(Found {
        told_s: since(told.at),
        live_s: since(monotonic_ns()),
        attempts,
    })
}

/// How long so many fresh queries take after a restart.
fn fresh(
    setting: &Setting,
    stage: &Stage,
    proxy: &FaultProxy,
    count: usize,
) -> Result<f64, String> {
    let mut crew = Crew::start_at(
        setting,
        "queries",
        stage,
        proxy.addr(),
        &[&count.to_string()],
    )?;
    stage.agent.restart();
    let started = monotonic_ns();
    crew.go()?;
    let line = crew.line("answered", WITHIN)?;
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

fn until_live(crew: &mut Crew, count: usize) -> Result<(), String> {
    let deadline = Instant::now() + WITHIN;
    loop {
        let live = crew.count_of("live", WITHIN)?;
        if live == count {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(format!("only {live} of {count} watches are live"));
        }
        thread::sleep(Duration::from_millis(5));
    }
}
