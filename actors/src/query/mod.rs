//! Watchable things: a query, the source that answers it, and the shape of a response.

pub(crate) mod derived;
pub(crate) mod failure;
pub(crate) mod path;
pub(crate) mod shared;
pub(crate) mod watch_key;

use std::{
    error::Error,
    fmt::{self, Debug},
    hash::Hash,
    sync::Arc,
    time::Duration,
};

use futures_util::future::LocalBoxFuture;

use crate::{
    limits::{connection_budget::ConnectionBudget, reconnect_gate::ReconnectGate},
    query::{derived::Derived, failure::Failure, path::WatchPath, shared::SharedBy},
    value::snapshot::Snapshot,
};

/// A place that answers queries: a configuration that any thread may hold.
///
/// Each watcher makes its own [`Client`](Source::Client) from it, on the arbiter it runs on, when it
/// starts and after every [`Reset`](crate::Reset). A source whose clients are costly shares them
/// within a thread.
pub trait Source: Clone + Send + Sync + Unpin + 'static {
    /// The sender of queries. It stays on its arbiter, so it need not be `Send`.
    type Client: Clone + Unpin + 'static;

    /// Makes a client on the current thread.
    ///
    /// # Errors
    ///
    /// A [`Failure`] is treated as one of a query: it is retried unless its class is
    /// [`Invalid`](crate::FailureClass::Invalid).
    fn connect(&self) -> Result<Self::Client, Failure>;

    /// Checks the configuration without connecting; a [`Reset`](crate::Reset) with one that fails
    /// is refused and the running one stays.
    ///
    /// # Errors
    ///
    /// What is wrong with the configuration.
    fn validate(&self) -> Result<(), Failure> {
        Ok(())
    }

    /// The budget of connections that held queries share; none by default.
    fn connection_budget(&self) -> Option<ConnectionBudget> {
        None
    }

    /// The guard that keeps watches from storming the server when it comes back; none by default.
    fn reconnect_gate(&self) -> Option<ReconnectGate> {
        None
    }

    /// The same configuration as a [`Reset`](crate::Reset) uses it: whatever clients share is made anew.
    #[must_use]
    fn refreshed(self) -> Self {
        self
    }
}

/// Something that can be watched by asking for it again and again.
///
/// Two queries that are equal are one watch: their subscribers share one [`WatcherActor`](crate::WatcherActor).
pub trait Query: Clone + Eq + Hash + Debug + Send + Sync + Unpin + 'static {
    /// The source that answers it.
    type Source: Source;
    /// The answer, as a whole.
    type Value: Snapshot;

    /// The name that logs, [`Status`](crate::Status) and [`Stop`](crate::Stop) use. It holds no secret.
    fn path(&self) -> WatchPath;

    /// The way to its value: `Evaluation::Asked(self)` or `Evaluation::Derived(self)`.
    fn evaluation(&self) -> Evaluation<'_, Self>;

    /// Extracts its value from a wider query's, for a query that can share that.
    fn shared_with(&self) -> Option<&dyn SharedBy<Self>> {
        None
    }
}

/// The way to a query's value.
pub enum Evaluation<'a, Q: Query> {
    /// The source is asked for it.
    Asked(&'a dyn Ask<Q>),
    /// It is computed from other watched values.
    Derived(&'a dyn Derived<Q>),
}

/// A query that a source answers.
pub trait Ask<Q: Query = Self> {
    /// Asks once. With a cursor other than [`Cursor::Start`] the source may hold the answer back until
    /// there is something newer; the future ends in every case (it has a deadline of its
    /// own), and dropping it ends the request.
    fn run(
        &self,
        client: &<Q::Source as Source>::Client,
        request: Request<Q::Value>,
    ) -> LocalBoxFuture<'static, Result<QueryResponse<Q::Value>, Failure>>;

    /// Whether an entry leaves the value only if the source has proven that it is gone. The watches that share the
    /// query ([`SharedBy`]) then report its removals without queries of their own. No by default.
    fn proves_removals(&self, source: &Q::Source) -> bool {
        let _ = source;
        false
    }

    /// The time after its start for which the server keeps a query that was cancelled: its permit of the
    /// [`connection_budget`](Source::connection_budget) is not released before. Zero by default, for a server that
    /// lets go at once.
    fn server_hold(&self, source: &Q::Source) -> Duration {
        let _ = source;
        Duration::ZERO
    }
}

impl<Q: Query> Debug for Evaluation<'_, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked(_) => "Asked",
            Self::Derived(_) => "Derived",
        })
    }
}

impl<'a, Q: Query> Evaluation<'a, Q> {
    pub(crate) fn asked(self) -> Option<&'a dyn Ask<Q>> {
        match self {
            Self::Asked(asked) => Some(asked),
            Self::Derived(_) => None,
        }
    }

    pub(crate) fn derived(self) -> Option<&'a dyn Derived<Q>> {
        match self {
            Self::Asked(_) => None,
            Self::Derived(derived) => Some(derived),
        }
    }
}

/// The input of a query.
#[derive(Debug)]
pub struct Request<V> {
    /// Where the last answer left off.
    pub cursor: Cursor,
    /// The last value, so that the unchanged entries of the next one can be shared with it.
    pub previous: Option<Arc<V>>,
    /// Whether the last value may lack entries that exist ([`Outcome::Unproven`]).
    pub unproven: bool,
    /// The longest time for which the source may hold the answer back, where the
    /// [`ConnectionBudget`](crate::ConnectionBudget) limits it.
    pub longest_wait: Option<Duration>,
}

/// The point from which the next query continues.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Cursor {
    /// From nowhere: answered at once.
    #[default]
    Start,
    /// Answered when there is something newer than this index, which is never 0.
    Index(u64),
    /// Answered when the content no longer has this hash.
    Hash(String),
}

/// The position of a response, by the source's own measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// An index that only grows; one that fell means that the source started over.
    Index(u64),
    /// An index that may go either way; only its equality means something.
    Opaque(u64),
    /// A hash of the content.
    Hash(String),
    /// An index that is not to be waited from, since a part of the response is in doubt: the next request has
    /// [`Cursor::Start`], and the throttle alone paces it.
    InDoubt(u64),
    /// The index of the request, from a source that answered before the end of its wait although it had nothing newer:
    /// its data may have been replaced by older data, of which the index of the request knows nothing. The next query
    /// starts from nothing, at most once in the time that the server holds a query
    /// ([`Ask::server_hold`]).
    Repeated(u64),
    /// An index of older data that replaced what was known, read by a second request while the source held the first:
    /// that one counts in the [`ConnectionBudget`](crate::ConnectionBudget) until [`Ask::server_hold`] is over. The
    /// next query continues from this index, though it fell.
    BesideHeld(u64),
}

impl Position {
    /// The index, or 0 for a hash.
    pub fn index(&self) -> u64 {
        match self {
            Self::Index(index)
            | Self::Opaque(index)
            | Self::InDoubt(index)
            | Self::Repeated(index)
            | Self::BesideHeld(index) => *index,
            Self::Hash(_) => 0,
        }
    }
}

/// A query's answer.
#[derive(Debug)]
pub struct QueryResponse<V> {
    /// Where it stands.
    pub position: Position,
    /// The outcome.
    pub outcome: Outcome<V>,
    /// The time since the answering server's last contact with its leader, where the response says so.
    pub last_contact: Option<Duration>,
}

/// The content of a response.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome<V> {
    /// The value as it is now.
    Value(V),
    /// A first value that may lack entries that exist. A subscriber with an earlier state
    /// ([`Watch::skip_first_when`](crate::Watch::skip_first_when)) does not receive it, since the entries would
    /// count as removed: its first value is the first [`Value`](Self::Value).
    Unproven(V),
    /// The value is the one the request carried as `previous`.
    Unchanged,
    /// There is an answer, but it cannot be taken as a value. The last good value stays, observers
    /// receive the reason, and the watch continues.
    Rejected(Arc<dyn Error + Send + Sync>),
}

impl<V> Outcome<V> {
    /// The same, marked as one that may lack entries that exist.
    #[must_use]
    pub fn into_unproven(self) -> Self {
        match self {
            Self::Value(value) => Self::Unproven(value),
            other => other,
        }
    }
}
