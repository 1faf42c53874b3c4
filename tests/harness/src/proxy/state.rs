//! The state that the proxy's thread and the test share.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::fault::{Cut, ResponseFault, Rule};

/// Enough for any test, little enough for one that runs into a hot loop.
const SEEN: usize = 10_000;

/// The counters of a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyStats {
    /// Connections accepted, those that were reset at once included.
    pub accepted: u64,
    /// Connections open now.
    pub open: usize,
    /// Requests whose head was read.
    pub requests: u64,
    /// Bytes sent to clients.
    pub bytes_to_client: u64,
    /// Bytes sent upstream.
    pub bytes_to_upstream: u64,
    /// Responses that a rule befell.
    pub faults: u64,
}

/// The head of a request that came through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRequest {
    /// The method.
    pub method: String,
    /// Path and query as they were sent.
    pub target: String,
    /// The headers as they were sent.
    pub headers: Vec<(String, String)>,
    /// The number of the connection it came on, counted from 1.
    pub connection: u64,
}

impl SeenRequest {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct Inner {
    stats: ProxyStats,
    open: BTreeSet<u64>,
    rules: Vec<Rule>,
    seen: VecDeque<SeenRequest>,
}

pub(super) struct Shared {
    pub(super) upstream: SocketAddr,
    pub(super) raw: bool,
    silent: watch::Sender<bool>,
    /// The last connection that is to go, and how.
    cut: watch::Sender<(u64, Cut)>,
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl Shared {
    pub(super) fn new(upstream: SocketAddr, raw: bool) -> Self {
        Self {
            upstream,
            raw,
            silent: watch::Sender::new(false),
            cut: watch::Sender::new((0, Cut::Fin)),
            inner: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    // ---- the test's side

    pub(super) fn silence(&self, on: bool) {
        self.silent.send_replace(on);
    }

    pub(super) fn cut(&self, how: Cut) -> usize {
        let (last, count) = {
            let inner = self.lock();
            (inner.stats.accepted, inner.open.len())
        };
        self.cut.send_replace((last, how));
        let gone = self.wait(Duration::from_secs(10), |inner| {
            inner.open.first().is_none_or(|first| *first > last)
        });
        assert!(gone, "the connections that the proxy cut are still open");
        count
    }

    pub(super) fn add_rule(&self, rule: Rule) {
        self.lock().rules.push(rule);
    }

    pub(super) fn clear_rules(&self) {
        self.lock().rules.clear();
    }

    pub(super) fn stats(&self) -> ProxyStats {
        self.lock().stats.clone()
    }

    pub(super) fn seen(&self) -> Vec<SeenRequest> {
        self.lock().seen.iter().cloned().collect()
    }

    pub(super) fn wait_until(
        &self,
        within: Duration,
        mut condition: impl FnMut(&ProxyStats) -> bool,
    ) -> Result<ProxyStats, ProxyStats> {
        let came = self.wait(within, |inner| condition(&inner.stats));
        let stats = self.stats();
        if came { Ok(stats) } else { Err(stats) }
    }

    fn wait(&self, within: Duration, mut condition: impl FnMut(&Inner) -> bool) -> bool {
        let deadline = Instant::now() + within;
        let mut inner = self.lock();
        while !condition(&inner) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            inner = self
                .changed
                .wait_timeout(inner, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }

    // ---- the proxy's side

    /// Counts a connection in; it is counted out when the guard is dropped.
    pub(super) fn opened(self: &Arc<Self>) -> Open {
        let mut inner = self.lock();
        inner.stats.accepted += 1;
        let id = inner.stats.accepted;
        inner.open.insert(id);
        inner.stats.open = inner.open.len();
        drop(inner);
        self.changed.notify_all();
        Open {
            id,
            shared: Arc::clone(self),
        }
    }

    /// Comes when the connection is to be cut.
    pub(super) async fn cut_of(&self, id: u64) -> Cut {
        let mut cut = self.cut.subscribe();
        let how = cut.wait_for(|(last, _)| id <= *last).await.map(|cut| cut.1);
        match how {
            Ok(how) => how,
            Err(_) => std::future::pending().await,
        }
    }

    /// Comes when bytes may flow.
    pub(super) async fn gate(&self) {
        // The sender lives as long as `self`.
        let _ = self.silent.subscribe().wait_for(|silent| !silent).await;
    }

    pub(super) fn sent(&self, to_client: usize, to_upstream: usize) {
        let mut inner = self.lock();
        inner.stats.bytes_to_client += to_client as u64;
        inner.stats.bytes_to_upstream += to_upstream as u64;
        drop(inner);
        self.changed.notify_all();
    }

    pub(super) fn request(&self, request: SeenRequest) {
        let mut inner = self.lock();
        inner.stats.requests += 1;
        if inner.seen.len() == SEEN {
            inner.seen.pop_front();
        }
        inner.seen.push_back(request);
        drop(inner);
        self.changed.notify_all();
    }

    /// The fault for a response, if the first rule that fits is one that `wanted` accepts.
    pub(super) fn fault(
        &self,
        target: &str,
        wanted: impl FnOnce(&ResponseFault) -> bool,
    ) -> Option<ResponseFault> {
        let mut inner = self.lock();
        let rule = inner
            .rules
            .iter_mut()
            .find(|rule| rule.fits(target))
            .filter(|rule| wanted(&rule.fault))?;
        rule.used();
        let fault = rule.fault.clone();
        inner.stats.faults += 1;
        Some(fault)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open connection.
pub(super) struct Open {
    pub(super) id: u64,
    shared: Arc<Shared>,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut inner = self.shared.lock();
        inner.open.remove(&self.id);
        inner.stats.open = inner.open.len();
        drop(inner);
        self.shared.changed.notify_all();
    }
}
