//! A real Consul agent for one test.

mod readiness;

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::binary;
use crate::builder::{AgentBuilder, AgentError, AgentPorts, log_path};
use crate::http::Http;
use crate::ports::Ports;
use crate::signal::{Signal, has_stopped, signal};

const POLL: Duration = Duration::from_millis(20);
const LOG_LINES: usize = 40;

/// The blocks of ports that a start tries: another program may take one between the check and the bind.
pub(crate) const PORT_ATTEMPTS: usize = 5;

/// A real `consul agent` on 127.0.0.1, with ports and a directory of its own; ends when dropped.
///
/// It can be killed, stopped, paused and started again, with its data or empty, always on the same ports. All
/// of this takes `&self`, so an `Arc` can share it between threads. It derefs to [`Http`]: `put`, `get`,
/// `list`, `delete`, `delete_tree` and `request` go straight to the agent.
///
/// The agent gets a random node id and counts as ready only when this id answers at its port, so no test ever
/// talks to an agent that another program started there.
#[derive(Debug)]
pub struct TestAgent {
    spec: AgentBuilder,
    binary: PathBuf,
    node_id: String,
    ports: AgentPorts,
    home: TempDir,
    http: Http,
    process: Mutex<Option<Child>>,
}

impl TestAgent {
    /// Starts a server that keeps its data over a restart. It takes one to two seconds, mostly for the
    /// election; [`TestAgent::dev`] is quicker for a test that needs no data after a restart.
    ///
    /// # Panics
    ///
    /// When there is no Consul, or the agent does not become ready; the message holds the end of its log.
    #[track_caller]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// [`TestAgent::start`] without the panic.
    ///
    /// # Errors
    ///
    /// When there is no Consul, or the agent does not become ready.
    pub fn try_start() -> Result<Self, AgentError> {
        Self::builder().try_start()
    }

    /// Starts a `-dev` agent in a tenth of a second: Connect is on, and a restart finds nothing.
    ///
    /// # Panics
    ///
    /// When there is no Consul, or the agent does not become ready; the message holds the end of its log.
    #[track_caller]
    pub fn dev() -> Self {
        Self::builder().dev().start()
    }

    /// An agent with settings of its own.
    pub fn builder() -> AgentBuilder {
        AgentBuilder::default()
    }

    pub(crate) fn launch(spec: &AgentBuilder) -> Result<Self, AgentError> {
        let binary = binary::consul()?;
        let mut attempts = PORT_ATTEMPTS;
        loop {
            attempts -= 1;
            let block = Arc::new(Ports::reserve().map_err(io("reserve ports"))?);
            let agent = Self::assemble(
                spec,
                &binary,
                AgentPorts {
                    block,
                    host: Ipv4Addr::LOCALHOST,
                },
            )?;
            match agent.run() {
                Ok(()) => return Ok(agent),
                Err(error) if error.is_of_ports() && attempts > 0 => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Prepares an agent without starting it.
    pub(crate) fn assemble(
        spec: &AgentBuilder,
        binary: &Path,
        ports: AgentPorts,
    ) -> Result<Self, AgentError> {
        let home = tempfile::Builder::new()
            .prefix("consul-watch-")
            .tempdir()
            .map_err(io("make a directory for the agent"))?;
        let mut http = Http::new(ports.http());
        if let Some(token) = &spec.token {
            http = http.with_token(token.clone());
        }
        let (spec, binary) = (spec.clone(), binary.to_owned());
        Ok(Self {
            spec,
            binary,
            node_id: random_uuid(),
            ports,
            home,
            http,
            process: Mutex::new(None),
        })
    }

    /// The address of its HTTP port.
    pub fn http_addr(&self) -> SocketAddr {
        self.ports.http()
    }

    /// The address of its HTTPS port, open after [`AgentBuilder::https`].
    pub fn https_addr(&self) -> SocketAddr {
        self.ports.https()
    }

    /// Its HTTP address as `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.http_addr())
    }

    /// Returns a client for another thread; it stays valid over restarts.
    pub fn http(&self) -> Http {
        self.http.clone()
    }

    /// The process id, while the agent runs.
    pub fn pid(&self) -> Option<u32> {
        self.process().as_ref().map(Child::id)
    }

    /// Kills the agent with SIGKILL and waits for its end; its connections are reset.
    pub fn kill(&self) {
        if let Some(mut child) = self.process().take() {
            // Fails only if the process has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops the agent with SIGTERM, as an administrator would, and waits for its end.
    ///
    /// # Panics
    ///
    /// When it has not ended after 15 s.
    #[track_caller]
    pub fn stop(&self) {
        self.signal(Signal::TERM);
        let mut process = self.process();
        let Some(child) = process.as_mut() else {
            return;
        };
        let ended = until(Duration::from_secs(15), || child.try_wait().ok().flatten());
        assert!(
            ended.is_some(),
            "the Consul agent did not end after SIGTERM; its log:\n{}",
            self.log_tail()
        );
        *process = None;
    }

    /// Freezes the agent with SIGSTOP: its connections stay open and nothing answers.
    ///
    /// # Panics
    ///
    /// When it is not frozen after 10 s.
    #[track_caller]
    pub fn pause(&self) {
        self.signal(Signal::STOP);
        let process = self.process();
        let Some(child) = process.as_ref() else {
            return;
        };
        // The signal needs a moment: a thread of the agent may still be answering.
        let stopped = until(Duration::from_secs(10), || has_stopped(child).then_some(()));
        assert!(
            stopped.is_some(),
            "the Consul agent did not stop at SIGSTOP"
        );
    }

    /// Continues a paused agent.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Starts the agent again with its data and on its ports, killing it first if it runs.
    ///
    /// # Panics
    ///
    /// When it does not become ready, and for a `-dev` agent, which has no data to start with.
    #[track_caller]
    pub fn restart(&self) {
        assert!(
            !self.spec.dev,
            "a -dev agent keeps no data: use restart_empty(), or an agent by TestAgent::start()"
        );
        self.kill();
        self.run()
            .unwrap_or_else(|error| panic!("restart: {error}"));
    }

    /// Starts the agent again on its ports and without data, killing it first if it runs. Its indexes start
    /// over.
    ///
    /// # Panics
    ///
    /// When it does not become ready.
    #[track_caller]
    pub fn restart_empty(&self) {
        self.kill();
        let data = self.home.path().join("data");
        if let Err(error) = fs::remove_dir_all(&data) {
            assert!(
                error.kind() == io::ErrorKind::NotFound,
                "cannot remove {}: {error}",
                data.display()
            );
        }
        self.run()
            .unwrap_or_else(|error| panic!("restart_empty: {error}"));
    }

    /// The last lines of its log, over all its restarts.
    pub fn log_tail(&self) -> String {
        let log = fs::read(log_path(self.home.path())).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    pub(crate) fn run(&self) -> Result<(), AgentError> {
        self.spawn()?;
        let ready = self.wait_until_ready();
        if ready.is_err() {
            self.kill();
        }
        ready
    }

    /// Starts the process and does not wait for it.
    pub(crate) fn spawn(&self) -> Result<(), AgentError> {
        let child = self
            .spec
            .command(&self.binary, self.home.path(), &self.ports, &self.node_id)
            .map_err(io("write the agent's configuration"))?
            .spawn()
            .map_err(io(&format!("run {}", self.binary.display())))?;
        *self.process() = Some(child);
        Ok(())
    }

    fn signal(&self, which: Signal) {
        if let Some(child) = self.process().as_ref() {
            // Nobody has waited for the child yet, so its id is still its own even if it has ended.
            let _ = signal(child, which);
        }
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for TestAgent {
    type Target = Http;

    fn deref(&self) -> &Http {
        &self.http
    }
}

impl Drop for TestAgent {
    fn drop(&mut self) {
        self.kill();
    }
}

fn until<T>(within: Duration, mut find: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + within;
    loop {
        let found = find();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        thread::sleep(POLL);
    }
}

/// A UUID of version 4, as Consul wants a node id.
fn random_uuid() -> String {
    let bits = (fastrand::u128(..) & !(0xf << 76) & !(0b11 << 62)) | (0x4 << 76) | (0b10 << 62);
    let hex = format!("{bits:032x}");
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

fn io(what: &str) -> impl FnOnce(io::Error) -> AgentError + use<> {
    let what = what.to_owned();
    move |source| AgentError::Io { what, source }
}

#[cfg(test)]
mod tests;
