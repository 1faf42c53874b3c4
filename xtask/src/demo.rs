//! `cargo xtask demo`: a real Consul changes, is killed and restarts, and the example `live_config` shows each
//! delivery.

mod live_config;

use std::thread;
use std::time::{Duration, Instant};

use consul_watch_harness::{Http, TestAgent};

use crate::cargo;
use live_config::{Change, LiveConfig};

/// Far longer than any delivery takes, including the longest back-off.
const WITHIN: Duration = Duration::from_secs(30);
const BURST: usize = 50;
const PORT: &str = "kvTest/test/port";
const LIST: &str = "kvTest/test/burst";

pub(crate) fn run() -> Result<(), String> {
    println!("building the example live_config");
    let example = cargo::example("live_config")?;
    let start = Instant::now();
    let agent = TestAgent::try_start().map_err(|error| error.to_string())?;
    println!(
        "started Consul on {} in {}",
        agent.url(),
        ms(start.elapsed())
    );

    // Written before the watch begins, for the first delivery.
    let greeting = "kvTest/test/greeting";
    agent.put(greeting, "hello");
    let mut app = LiveConfig::start(&example, &agent.url())?;
    let outcome = show(&agent, &mut app, greeting);
    outcome.map_err(|error| {
        format!(
            "\n{error}\n\n{}\nConsul's log:\n{}",
            app.last_lines(),
            agent.log_tail()
        )
    })
}

fn show(agent: &TestAgent, app: &mut LiveConfig, greeting: &str) -> Result<(), String> {
    app.ready(WITHIN)?;
    println!("live_config watches the folder kvTest/test\n");
    let first = app.delivery("the first state", WITHIN, |change| {
        change.is("added", greeting, "hello")
    })?;
    row(
        "was there before",
        greeting,
        &format!("{} ({})", first.change.kind, first.change.reason),
    );

    change(agent, app, "put", PORT, "added", Some("8080"))?;
    change(agent, app, "change", PORT, "updated", Some("9090"))?;
    change(agent, app, "delete", PORT, "removed", None)?;
    burst(agent, app)?;
    outage(agent, app)?;
    change(agent, app, "put", PORT, "added", Some("7070"))?;

    let start = Instant::now();
    app.stop(Duration::from_secs(10))?;
    println!(
        "\nSIGTERM: live_config stopped its watches and ended successfully after {}",
        ms(start.elapsed())
    );
    println!("every change arrived, and none twice");
    Ok(())
}

/// Makes one change and prints the time until its delivery.
fn change(
    agent: &TestAgent,
    app: &mut LiveConfig,
    verb: &str,
    key: &str,
    kind: &str,
    value: Option<&str>,
) -> Result<(), String> {
    let written = Instant::now();
    let what = if let Some(value) = value {
        agent.put(key, value);
        format!("{verb} {value}")
    } else {
        agent.delete(key);
        verb.to_owned()
    };
    let arrived = app.delivery(&format!("{what} of {key}"), WITHIN, |change| {
        change.is(kind, key, value.unwrap_or("-"))
    })?;
    row(
        &what,
        key,
        &format!("{kind} after {}", ms(arrived.at - written)),
    );
    Ok(())
}

/// Writes one key many times: states in between may be coalesced, the last one must arrive.
fn burst(agent: &TestAgent, app: &mut LiveConfig) -> Result<(), String> {
    let before = app.deliveries_of(LIST);
    for turn in 1..BURST {
        agent.put(LIST, turn.to_string());
    }
    let written = Instant::now();
    let last = BURST.to_string();
    agent.put(LIST, &last);
    let what = format!("the last of {BURST} puts to {LIST}");
    let arrived = app.delivery(&what, WITHIN, |change| {
        change.key == LIST && change.value == last
    })?;
    let count = app.deliveries_of(LIST) - before;
    let after = ms(arrived.at - written);
    row(
        &format!("{BURST} puts at once"),
        LIST,
        &format!("last state after {after}, in {count} deliveries"),
    );
    Ok(())
}

/// Kills Consul, restarts it with its data, and writes as soon as it accepts a write.
fn outage(agent: &TestAgent, app: &mut LiveConfig) -> Result<(), String> {
    let key = "kvTest/test/after";
    let killed = Instant::now();
    agent.kill();
    println!("\nSIGKILL: Consul is gone");
    let http = agent.http().with_timeout(Duration::from_secs(5));
    let writer = thread::spawn(move || first_write(&http, key, "outage"));
    agent.restart();
    let written = writer
        .join()
        .map_err(|_| "the writer panicked".to_owned())??;
    println!(
        "Consul is back with its data, and accepted a write {} after the kill",
        ms(written - killed)
    );
    let arrived = app.delivery(
        "the change made after the outage",
        WITHIN,
        |change: &Change| change.is("added", key, "outage"),
    )?;
    // Consul may deliver before the writer has read the response to its write.
    row(
        "put outage",
        key,
        &format!(
            "added after {}",
            ms(arrived.at.saturating_duration_since(written))
        ),
    );
    Ok(())
}

fn first_write(http: &Http, key: &str, value: &str) -> Result<Instant, String> {
    let deadline = Instant::now() + WITHIN;
    loop {
        match http.try_put(key, value.as_bytes()) {
            // The time of the response: a restarting Consul holds a write until it has a leader.
            Ok(()) => return Ok(Instant::now()),
            Err(error) if Instant::now() > deadline => {
                return Err(format!(
                    "Consul accepts no write after its restart: {error}"
                ));
            }
            // Polls the restarting agent.
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn row(what: &str, key: &str, outcome: &str) {
    println!("  {what:<16}  {key:<20}  {outcome}");
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
