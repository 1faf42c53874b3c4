//! `cargo xtask storm`: services that are watched while the views of Consul's streaming backend are filled
//! again and again. Each view is empty for a moment, and nothing of that may be delivered.

mod bare_loop;
mod options;
mod receiver;
mod verdict;
mod world;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use self::{
    options::Options,
    receiver::Deliveries,
    verdict::{Removals, Verdict},
    world::{World, service},
};
use crate::cargo::build;

/// The wait of the watches: short, since a view that is filled again is seen at the end of a wait.
const WAIT: &str = "2s";
/// The time between two disturbances.
const PACE: Duration = Duration::from_millis(500);
/// A true removal follows on each of so many disturbances.
const REMOVE_EVERY: usize = 8;
/// The time in which everything has to arrive.
const DEADLINE: Duration = Duration::from_secs(60);
/// The time after the storm in which something false could still come.
const CALM: Duration = Duration::from_secs(5);

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let options = Options::parse(args)?;
    let command = match &options.command {
        Some(path) => path.clone(),
        None => own_command()?,
    };
    let (ours, bare, rounds) = blow(&options, &command)?;
    let kind = options.kind.name();
    println!("{kind}, {rounds} rounds, {} watches", options.watches);
    println!("  consul-watch: {ours}\n  bare loop:    {bare}");
    if options.json {
        let line =
            json!({ "storm": kind, "rounds": rounds, "ours": ours.json(), "bare": bare.json() });
        println!("{line}");
    }
    if ours.is_good() {
        Ok(())
    } else {
        Err(format!(
            "the storm of {kind} was mistaken for removals, or hid one"
        ))
    }
}

/// Builds the command and returns its path.
fn own_command() -> Result<PathBuf, String> {
    build(&[
        "build",
        "--quiet",
        "--package",
        "consul-watch",
        "--bin",
        "consul-watch",
    ])?
    .into_iter()
    .find(|artifact| artifact.name == "consul-watch")
    .map(|artifact| artifact.executable)
    .ok_or_else(|| "cargo does not report where consul-watch is".to_owned())
}

/// Runs one storm, and counts what the command and the bare loop beside it delivered.
fn blow(options: &Options, command: &Path) -> Result<(Verdict, Verdict, usize), String> {
    let nodes: Vec<String> = (0..4).map(|number| format!("x{number}")).collect();
    let mut world = World::start(options.kind, options.watches, &nodes)?;
    let folder = tempfile::tempdir().map_err(|error| format!("a folder: {error}"))?;
    let (ours, bare) = (
        Deliveries::new(options.watches),
        Deliveries::new(options.watches),
    );
    let receiver = receiver::start(&ours).map_err(|error| format!("a port: {error}"))?;
    let config = folder.path().join("storm.hcl");
    let text = configuration(&world, options.watches, &receiver.to_string());
    fs::write(&config, text).map_err(|error| format!("{}: {error}", config.display()))?;
    let log = folder.path().join("log");
    let running = Running::start(command, &config, &log)?;
    let ended = Arc::new(AtomicBool::new(false));
    let targets =
        (0..options.watches).map(|watch| format!("/v1/health/service/{}", service(watch)));
    bare_loop::start(&world.reader(), targets.collect(), WAIT, &bare, &ended);
    let complete = |all: &Deliveries| all.all().iter().all(|watch| !watch.is_empty());
    until("the first deliveries", || {
        complete(&ours) && complete(&bare)
    })
    .map_err(|error| format!("{error}; its log:\n{}", log_end(&log)))?;
    let (begun, mut rounds, mut removals) = (Instant::now(), 0, Removals::new());
    while begun.elapsed() < options.time {
        world.disturb()?;
        rounds += 1;
        if rounds % REMOVE_EVERY == 0 && removals.len() < options.watches {
            let watch = removals.len();
            removals.insert(watch, Instant::now());
            world.remove(watch, &nodes[nodes.len() - 1]);
        }
        thread::sleep(PACE);
    }
    let verdict = |all: &Deliveries| Verdict::of(&all.all(), &nodes, &removals);
    // What is missing at the end of the time is in the verdict.
    let _ = until("all removals", || {
        verdict(&ours).missed_removals == 0 && verdict(&bare).missed_removals == 0
    });
    thread::sleep(CALM);
    ended.store(true, Ordering::Relaxed);
    drop(running);
    let (ours, bare) = (verdict(&ours), verdict(&bare));
    if !ours.is_good() {
        println!("the end of the log of consul-watch:\n{}", log_end(&log));
    }
    Ok((ours, bare, rounds))
}

fn configuration(world: &World, watches: usize, receiver: &str) -> String {
    let token = world.token.as_ref();
    let token = token.map_or_else(String::new, |token| format!("token = {token:?}\n"));
    let url = world.agent.url();
    let consul = format!("consul {{\naddress = {url:?}\nwait = {WAIT:?}\n{token}}}\n");
    let watch = |watch: usize| {
        format!(
            "watches {{\ntype = \"service\"\nservice = \"{}\"\nhandler_type = \"http\"\n\
             http_handler_config {{ path = \"http://{receiver}/{watch}\" }}\n}}\n",
            service(watch)
        )
    };
    (0..watches)
        .map(watch)
        .fold(consul, |text, watch| text + &watch)
}

fn until(what: &str, condition: impl Fn() -> bool) -> Result<(), String> {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        if Instant::now() > deadline {
            return Err(format!("{what}: missing after {DEADLINE:?}"));
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn log_end(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// The command, which ends when it is dropped.
struct Running(Child);

impl Running {
    fn start(command: &Path, config: &Path, log: &Path) -> Result<Self, String> {
        let file = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        let child = Command::new(command)
            .arg("run")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn();
        let shown = command.display();
        Ok(Self(child.map_err(|error| format!("{shown}: {error}"))?))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
