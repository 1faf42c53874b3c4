//! The environment that every scenario runs in.

use std::env;
use std::path::PathBuf;

use consul_watch_harness::TestAgent;

use crate::outcome::Side;
use crate::peers::Contender;

/// The environment that every scenario runs in.
pub struct Config {
    /// Whether to use small numbers, only to see that everything works.
    pub quick: bool,
    /// This program, which is started again for a contender.
    pub exe: PathBuf,
    /// The Consul program.
    pub consul: PathBuf,
    /// The folder that peers are installed in.
    pub peers: PathBuf,
}

impl Config {
    pub fn new(quick: bool) -> Result<Self, String> {
        let exe =
            env::current_exe().map_err(|error| format!("this program's own path: {error}"))?;
        let consul = consul_watch_harness::consul().map_err(|error| error.to_string())?;
        let peers = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/peers"));
        Ok(Self {
            quick,
            exe,
            consul,
            peers,
        })
    }

    /// Returns the first number, or the second one with `--quick`.
    pub fn either<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Starts an agent without data on disk, whose speed would be measured too.
    pub fn agent() -> Result<TestAgent, String> {
        TestAgent::builder()
            .dev()
            .try_start()
            .map_err(|error| error.to_string())
    }

    /// Returns this program as the contender `name` of `peers::run_one`.
    pub fn contender(&self, name: &'static str, title: &str, side: Side) -> Contender {
        Contender::own(&self.exe, name, title, side)
    }
}
