//! [`RestoreSignal`]: a restored snapshot, which a query that comes right after it does not see.
//!
//! Consul wakes the queries that it holds when a snapshot replaces the data. One that arrives just after that, with an
//! index of the old data, blocks beyond the new data until its wait is over
//! (<https://developer.hashicorp.com/consul/commands/snapshot/restore>). A query that finds the older data therefore
//! signals it to all others of the address and the datacenter in this process, and each of these reads once without an index.

use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dashmap::DashMap;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{consul_client::ConsulClient, request::QueryRequest, url::encoded};

/// The time for which further queries that find older data count as the same restore (ours).
const MERGED_WITHIN: Duration = Duration::from_millis(500);

/// The spread of the reads that follow: so much for each query, between these bounds (ours).
const SPREAD_PER_QUERY: Duration = Duration::from_millis(1);
const MIN_SPREAD: Duration = Duration::from_millis(100);
const MAX_SPREAD: Duration = Duration::from_secs(5);

/// The number of queries whose repeated answers are remembered.
const MAX_REPEATED: usize = 256;

/// The time for which they are remembered: the read without an index follows at once.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// The signals of the addresses and datacenters that this process has watched. They are few, so none is ever removed.
static SIGNALS: LazyLock<DashMap<(String, Option<String>), RestoreSignal>> =
    LazyLock::new(DashMap::new);

/// The signal of one address and datacenter. A clone shares it.
#[derive(Clone)]
pub(crate) struct RestoreSignal(Arc<Shared>);

struct Shared {
    restored: watch::Sender<()>,
    /// A signal is about to be sent.
    is_pending: AtomicBool,
    repeated: Mutex<Repeated>,
}

impl Default for RestoreSignal {
    fn default() -> Self {
        Self(Arc::new(Shared {
            restored: watch::Sender::new(()),
            is_pending: AtomicBool::new(false),
            repeated: Mutex::default(),
        }))
    }
}

/// The indexes that answers repeated before the end of their waits, by query.
#[derive(Default)]
struct Repeated(HashMap<String, (u64, Instant)>);

impl Repeated {
    fn note(&mut self, query: String, index: u64, now: Instant) {
        if self.0.len() >= MAX_REPEATED {
            self.0
                .retain(|_, (_, at)| now.duration_since(*at) < REMEMBERED_FOR);
        }
        if self.0.len() < MAX_REPEATED {
            self.0.insert(query, (index, now));
        }
    }

    /// Returns whether an answer to the query without an index is older than the one that was repeated.
    fn is_older(&mut self, query: &str, index: Option<u64>, now: Instant) -> bool {
        let repeated = self.0.remove(query);
        let repeated = repeated.filter(|(_, at)| now.duration_since(*at) < REMEMBERED_FOR);
        repeated.is_some_and(|(before, _)| index.is_some_and(|index| index < before))
    }
}

impl ConsulClient {
    /// Returns the signal of the address in use and the query's datacenter.
    pub(crate) fn restore_signal(&self, query: &QueryRequest) -> RestoreSignal {
        let datacenter = query.datacenter(self.config()).map(str::to_owned);
        SIGNALS
            .entry((self.label(), datacenter))
            .or_default()
            .clone()
    }

    /// Returns the text that is the same for all queries with other cursors.
    fn query_text(&self, query: &QueryRequest) -> String {
        format!("{}?{}", query.path(), encoded(&query.query(self.config())))
    }

    /// Records that an answer to this query, which is given without its cursor, repeated an index before the end of
    /// its wait.
    pub(crate) fn note_repeated(&self, query: &QueryRequest, index: u64) {
        let text = self.query_text(query);
        let signal = self.restore_signal(query);
        signal.repeated(|repeated| repeated.note(text, index, Instant::now()));
    }

    /// Records the index of an answer to this query without a cursor, and signals it to the others if the data is older.
    pub(crate) fn note_fresh(&self, query: &QueryRequest, index: Option<u64>) {
        let signal = self.restore_signal(query);
        if signal.repeated(|repeated| repeated.0.is_empty()) {
            return;
        }
        let text = self.query_text(query);
        if signal.repeated(|repeated| repeated.is_older(&text, index, Instant::now()))
            && !signal.0.is_pending.swap(true, Ordering::AcqRel)
        {
            let pending = Pending(signal);
            actix_rt::spawn(async move {
                sleep(MERGED_WITHIN).await;
                drop(pending);
            });
        }
    }
}

/// A signal that is about to be sent. It is sent as well if its thread ends before.
struct Pending(RestoreSignal);

impl Drop for Pending {
    fn drop(&mut self) {
        let Shared {
            restored,
            is_pending,
            ..
        } = &*self.0.0;
        is_pending.store(false, Ordering::Release);
        let queries = restored.receiver_count();
        if queries > 0 {
            tracing::info!(
                queries,
                "a snapshot was restored: all queries of the address read once without an index"
            );
        }
        restored.send_replace(());
    }
}

impl RestoreSignal {
    fn repeated<R>(&self, with: impl FnOnce(&mut Repeated) -> R) -> R {
        // No change leaves it inconsistent.
        let mut repeated = self
            .0
            .repeated
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        with(&mut repeated)
    }

    /// Returns the signals from now on.
    pub(crate) fn subscribe(&self) -> RestoreSignals {
        RestoreSignals {
            signal: self.clone(),
            restored: self.0.restored.subscribe(),
        }
    }
}

/// The signals that one query receives.
pub(crate) struct RestoreSignals {
    signal: RestoreSignal,
    restored: watch::Receiver<()>,
}

impl RestoreSignals {
    /// Waits for the next signal, and for a time that spreads the reads of all queries.
    pub(crate) async fn next(&mut self) {
        if self.restored.changed().await.is_err() {
            return std::future::pending().await;
        }
        let queries = self.signal.0.restored.receiver_count();
        let queries = u32::try_from(queries).unwrap_or(u32::MAX);
        let spread = SPREAD_PER_QUERY
            .saturating_mul(queries)
            .clamp(MIN_SPREAD, MAX_SPREAD);
        sleep(spread.mul_f64(fastrand::f64())).await;
        // Those that came meanwhile are of the same data, or of data that the read finds.
        self.restored.mark_unchanged();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lower_index_of_the_same_query_shows_older_data() {
        let now = Instant::now();
        let mut repeated = Repeated::default();
        repeated.note("a".to_owned(), 20, now);
        assert!(!repeated.is_older("b", Some(3), now));
        assert!(repeated.is_older("a", Some(19), now));
        assert!(!repeated.is_older("a", Some(3), now), "it counts once");
        for index in [Some(20), Some(21), None] {
            repeated.note("a".to_owned(), 20, now);
            assert!(!repeated.is_older("a", index, now), "{index:?}");
        }
        repeated.note("a".to_owned(), 20, now);
        assert!(!repeated.is_older("a", Some(3), now + REMEMBERED_FOR));
    }

    #[test]
    fn a_bounded_number_of_queries_is_remembered() {
        let now = Instant::now();
        let mut repeated = Repeated::default();
        for n in 0..2 * MAX_REPEATED {
            repeated.note(n.to_string(), 20, now);
        }
        assert_eq!(repeated.0.len(), MAX_REPEATED);
        repeated.note("late".to_owned(), 20, now + REMEMBERED_FOR);
        assert_eq!(repeated.0.len(), 1);
    }
}
