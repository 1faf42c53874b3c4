//! The contenders, each of which runs as a process.
//!
//! A contender is a program with the arguments `key|prefix HOST:PORT NAME` and a line protocol. It prints `idle` when
//! its runtime is up and begins to watch at the line `go`. For the first state and for each later change it prints
//! `seen SEQUENCE NANOSECONDS`: the number that the value of the last written key begins with, and the time of the
//! monotonic clock at which its handler was called. It ends when its input ends.

mod bare;
mod child;
mod hashicorp_consul;
mod install;
mod lines;
mod node;
mod python;
mod rs_consul;
mod running;
mod this_crate;

use std::path::Path;
use std::process::Command;

pub use bare::{HANDING_OVER, TITLE as BARE, handing_over};
pub use hashicorp_consul::TITLE as CONSUL_WATCH;
pub use hashicorp_consul::version as consul_version;
pub use node::TITLE as NODE;
pub use running::Running;
pub use this_crate::{ONE_THREAD, TITLE as OURS, on_one_thread};

use ::consul_watch::WatchSupervisor;

use crate::outcome::Side;

use crate::config::Config;

/// The watched key or prefix.
#[derive(Debug, Clone, Copy)]
pub enum Watched<'a> {
    /// One key.
    Key(&'a str),
    /// All keys that begin with this.
    Prefix(&'a str),
}

impl<'a> Watched<'a> {
    fn word(self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Prefix(_) => "prefix",
        }
    }

    fn name(self) -> &'a str {
        match self {
            Self::Key(name) | Self::Prefix(name) => name,
        }
    }
}

/// A client that can watch.
pub struct Contender {
    /// Its name in the report.
    pub title: String,
    version: Option<String>,
    pub side: Side,
    /// Whether it speaks the protocol above: prints `idle` and waits for `go`.
    pub waits: bool,
    #[expect(clippy::type_complexity, reason = "it is the only one")]
    command: Box<dyn Fn(&str, Watched<'_>) -> Command>,
}

/// A contender that cannot be measured on this machine, with the reason.
pub struct Absent {
    pub title: String,
    pub reason: String,
}

impl Contender {
    pub fn own(exe: &Path, name: &'static str, title: &str, side: Side) -> Self {
        let exe = exe.to_owned();
        Self::program(title, side, move || {
            let mut command = Command::new(&exe);
            command.args(["run-one", name]);
            command
        })
    }

    /// A program that speaks the protocol above.
    fn program(title: &str, side: Side, command: impl Fn() -> Command + 'static) -> Self {
        let command = Box::new(move |address: &str, watched: Watched<'_>| {
            let mut command = command();
            command.args([watched.word(), address, watched.name()]);
            command
        });
        Self {
            title: title.to_owned(),
            version: None,
            side,
            waits: true,
            command,
        }
    }

    fn with_version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Its name and version, if it has a version.
    pub fn named_version(&self) -> Option<String> {
        self.version
            .as_ref()
            .map(|version| format!("{} {version}", self.title))
    }

    /// Starts it on the agent at this address. It begins to watch at `go`.
    pub fn start(&self, address: &str, watched: Watched<'_>) -> Result<Running, String> {
        let command = (self.command)(address, watched);
        Running::start(&self.title, command, self.waits)
    }
}

/// consul-watch, the bare loop, and every peer that can be installed.
pub fn contenders(config: &Config) -> (Vec<Contender>, Vec<Absent>) {
    let mut there = vec![this_crate::contender(config), bare::contender(config)];
    let mut absent = Vec::new();
    let peers = [
        hashicorp_consul::contender(config),
        node::contender(config),
        python::contender(config),
        Ok(rs_consul::contender(config)),
    ];
    for peer in peers {
        match peer {
            Ok(peer) => there.push(peer),
            Err(reason) => absent.push(reason),
        }
    }
    (there, absent)
}

/// Runs the contender in a process that [`Contender::own`] started.
pub fn run_one(contender: &str, args: &[&str]) -> Result<(), String> {
    match contender {
        "ours" => this_crate::run(args, WatchSupervisor::DEFAULT_ARBITERS),
        "ours-on-one-thread" => this_crate::run(args, 0),
        "bare" => bare::run(args),
        "bare-handing-over" => bare::run_handing_over(args),
        "rs-consul" => rs_consul::run(args),
        "handler" => hashicorp_consul::handle(args),
        _ => Err(format!("no contender {contender}")),
    }
}
