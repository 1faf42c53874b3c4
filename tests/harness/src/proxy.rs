//! A faulty network between Consul and its client.

mod fault;
mod listener;
mod relay;
mod state;
mod wire;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

pub use fault::{Canned, Cut, Refusal, ResponseFault, Rule};
pub use state::{ProxyStats, SeenRequest};

use crate::ports::Ports;
use crate::wait::eventually_async;
use listener::{Command, Commands};
use state::Shared;

/// A TCP proxy on a free loopback port, whose faults a test turns on and off; it runs on its own thread and ends
/// when dropped.
///
/// The faults of whole connections ([`refuse`](Self::refuse), [`silence`](Self::silence), [`cut`](Self::cut))
/// suit any protocol. Those of single responses ([`inject`](Self::inject)) need HTTP/1.1, and a
/// [`raw`](Self::raw) proxy has none. [`pass`](Self::pass) ends them all.
///
/// The proxy connects upstream at the first request of a connection; if that fails, or upstream closes, it closes the
/// client's connection too.
pub struct FaultProxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    commands: Commands,
    thread: Option<JoinHandle<()>>,
    _ports: Ports,
}

impl FaultProxy {
    /// Starts a proxy for HTTP/1.1 in front of `upstream`, which need not run yet.
    ///
    /// # Panics
    ///
    /// When it gets no port or no thread.
    #[track_caller]
    pub fn start(upstream: SocketAddr) -> Self {
        Self::try_start(upstream, false)
            .unwrap_or_else(|error| panic!("cannot start the proxy: {error}"))
    }

    /// Starts a proxy that reads no byte, for TLS and HTTP/2; it has no faults of single responses.
    ///
    /// # Panics
    ///
    /// When it gets no port or no thread.
    #[track_caller]
    pub fn raw(upstream: SocketAddr) -> Self {
        Self::try_start(upstream, true)
            .unwrap_or_else(|error| panic!("cannot start the proxy: {error}"))
    }

    fn try_start(upstream: SocketAddr, raw: bool) -> io::Result<Self> {
        let ports = Ports::reserve()?;
        let addr = ports.addr(0);
        let shared = Arc::new(Shared::new(upstream, raw));
        let (commands, thread) = listener::spawn(addr, Arc::clone(&shared))?;
        let proxy = Self {
            addr,
            shared,
            commands,
            thread: Some(thread),
            _ports: ports,
        };
        proxy.commands.send(Command::Listen)?;
        Ok(proxy)
    }

    /// Returns the address for clients, which never changes.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the address as `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Ends every fault: connections are accepted, held bytes flow, no rule is left. A response that is stalled
    /// stays so.
    ///
    /// # Panics
    ///
    /// When it cannot listen on its port again.
    #[track_caller]
    pub fn pass(&self) {
        self.shared.clear_rules();
        self.shared.silence(false);
        self.command(Command::Listen);
    }

    /// Refuses new connections until [`pass`](Self::pass); open ones stay.
    ///
    /// # Panics
    ///
    /// When the proxy has ended.
    #[track_caller]
    pub fn refuse(&self, how: Refusal) {
        self.command(Command::Refuse(how));
    }

    /// Falls silent until [`pass`](Self::pass): accepts connections, keeps open ones, and forwards no byte in either
    /// direction. Held bytes flow then, as after packet loss.
    pub fn silence(&self) {
        self.shared.silence(true);
    }

    /// Closes every open connection, and returns their number once they are closed.
    ///
    /// # Panics
    ///
    /// When they are not closed after 10 s.
    #[track_caller]
    pub fn cut(&self, how: Cut) -> usize {
        self.shared.cut(how)
    }

    /// Adds a rule for responses. The first rule that matches a request and is not used up applies.
    pub fn inject(&self, rule: Rule) {
        self.shared.add_rule(rule);
    }

    /// Returns the counters.
    pub fn stats(&self) -> ProxyStats {
        self.shared.stats()
    }

    /// Returns the number of open connections.
    pub fn open(&self) -> usize {
        self.stats().open
    }

    /// Returns the last ten thousand requests; none in a raw proxy.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.shared.seen()
    }

    /// Waits until exactly `n` connections are open. It blocks the thread: if the client under test runs there, use
    /// [`until_open`](Self::until_open).
    ///
    /// # Panics
    ///
    /// When it does not come within `within`.
    #[track_caller]
    pub fn wait_until_open(&self, n: usize, within: Duration) {
        self.wait_until(within, &format!("{n} open connections"), |stats| {
            stats.open == n
        });
    }

    /// Waits for at least `n` requests. It blocks the thread: if the client under test runs there, use
    /// [`until`](Self::until).
    ///
    /// # Panics
    ///
    /// When it does not come within `within`.
    #[track_caller]
    pub fn wait_until_requests(&self, n: u64, within: Duration) {
        self.wait_until(within, &format!("{n} requests"), |stats| {
            stats.requests >= n
        });
    }

    /// Waits until the counters satisfy `condition`, and returns them.
    ///
    /// # Panics
    ///
    /// When they do not within `within`; the message names `what` and holds the counters.
    #[track_caller]
    pub fn wait_until(
        &self,
        within: Duration,
        what: &str,
        condition: impl FnMut(&ProxyStats) -> bool,
    ) -> ProxyStats {
        match self.shared.wait_until(within, condition) {
            Ok(stats) => stats,
            Err(stats) => {
                panic!("{what}: did not come within {within:?}; the proxy has seen {stats:?}")
            }
        }
    }

    /// [`wait_until_open`](Self::wait_until_open) for a test on tokio's or actix's runtime.
    ///
    /// # Panics
    ///
    /// When it does not come within `within`.
    pub async fn until_open(&self, n: usize, within: Duration) {
        self.until(within, &format!("{n} open connections"), |stats| {
            stats.open == n
        })
        .await;
    }

    /// [`wait_until`](Self::wait_until) for a test on tokio's or actix's runtime.
    ///
    /// # Panics
    ///
    /// When they do not within `within`; the message names `what`.
    pub async fn until(
        &self,
        within: Duration,
        what: &str,
        mut condition: impl FnMut(&ProxyStats) -> bool,
    ) {
        eventually_async(within, what, || condition(&self.stats())).await;
    }

    #[track_caller]
    fn command(&self, command: Command) {
        self.commands
            .send(command)
            .unwrap_or_else(|error| panic!("the proxy on {}: {error}", self.addr));
    }
}

impl fmt::Debug for FaultProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultProxy")
            .field("addr", &self.addr)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        let _ = self.commands.send(Command::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
