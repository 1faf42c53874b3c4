//! What every row has to run with.

use std::env;
use std::path::PathBuf;

use consul_watch_harness::TestAgent;

use crate::outcome::Side;
use crate::peers::Contender;

/// What every row has to run with.
pub struct Config {
    /// Small numbers, to see that everything works.
    pub quick: bool,
    /// This program, to be started again for a contender.
    pub exe: PathBuf,
    /// The Consul program.
    pub consul: PathBuf,
    /// Where peers are installed.
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

    /// One of two numbers: for good, and for `--quick`.
    pub fn either<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// An agent that keeps nothing on the disk, whose speed would be measured too.
    pub fn agent() -> Result<TestAgent, String> {
        TestAgent::builder()
            .dev()
            .try_start()
            .map_err(|error| error.to_string())
    }

    /// This program again, as the contender `name` of `peers::run_one`.
    pub fn contender(&self, name: &'static str, title: &str, side: Side) -> Contender {
        Contender::own(&self.exe, name, title, side)
    }
}
