//! Everyone who is measured, each as a process of its own.
//!
//! A contender is a program that is called with `key|prefix HOST:PORT NAME` and talks in lines. When its
//! runtime is up it says `idle`; at the line `go` it begins to watch; for the first state and for every change
//! after it, it says `seen SEQUENCE NANOSECONDS`: the number that the value of the key written last begins
//! with, and the monotonic clock's time when its handler was called. It ends when its input does.

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

/// What is watched.
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

/// Someone who can watch.
pub struct Contender {
    /// What the report calls it.
    pub title: String,
    version: Option<String>,
    pub side: Side,
    /// Whether it talks as described above: says `idle` and waits for `go`.
    pub waits: bool,
    #[expect(clippy::type_complexity, reason = "it is the only one")]
    command: Box<dyn Fn(&str, Watched<'_>) -> Command>,
}

/// Who cannot be measured here, and why.
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

    /// A program that talks as described above.
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

    /// Its name and version, where it has one of its own.
    pub fn named_version(&self) -> Option<String> {
        self.version
            .as_ref()
            .map(|version| format!("{} {version}", self.title))
    }

    /// Starts it on the agent at this address; it watches from `go` on.
    pub fn start(&self, address: &str, watched: Watched<'_>) -> Result<Running, String> {
        let command = (self.command)(address, watched);
        Running::start(&self.title, command, self.waits)
    }
}

/// Ours, the bare loop and every peer that can be had here.
pub fn everyone(config: &Config) -> (Vec<Contender>, Vec<Absent>) {
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

/// What a process started by [`Contender::own`] does.
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
