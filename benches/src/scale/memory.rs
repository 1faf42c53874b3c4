//! A source in memory: one number, and a query that waits for the next one.

use std::sync::Arc;

use consul_watch_actors::{
    Ask, Cursor, Evaluation, Failure, FailureClass, Item, Outcome, Position, Query, QueryResponse,
    Request, Source, WatchPath,
};
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use tokio::sync::watch;

/// The number. A clone is another handle to it.
#[derive(Debug, Clone)]
pub(super) struct Memory(watch::Sender<u64>);

impl Memory {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(1))
    }

    /// Increments the number: a change for every watch.
    pub(super) fn change(&self) {
        self.0.send_modify(|number| *number += 1);
    }
}

impl Source for Memory {
    type Client = Self;

    fn connect(&self) -> Result<Self, Failure> {
        Ok(self.clone())
    }
}

#[derive(Debug, PartialEq)]
pub(super) struct Number(pub(super) u64);

impl Item for Number {
    type Id<'a> = ();

    fn id(&self) {}

    fn content_eq(&self, other: &Self) -> bool {
        self == other
    }
}

/// Queries the number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct MemoryQuery;

impl Query for MemoryQuery {
    type Source = Memory;
    type Value = Option<Arc<Number>>;

    fn path(&self) -> WatchPath {
        WatchPath::new("memory", "number")
    }

    fn evaluation(&self) -> Evaluation<'_, Self> {
        Evaluation::Asked(self)
    }
}

impl Ask for MemoryQuery {
    fn run(
        &self,
        client: &Memory,
        request: Request<Option<Arc<Number>>>,
    ) -> LocalBoxFuture<'static, Result<QueryResponse<Option<Arc<Number>>>, Failure>> {
        let mut numbers = client.0.subscribe();
        async move {
            let seen = if let Cursor::Index(index) = request.cursor {
                index
            } else {
                0
            };
            let number = numbers
                .wait_for(|number| *number > seen)
                .await
                .map(|number| *number);
            let number = number.map_err(|error| Failure::new(FailureClass::Transient, error))?;
            let outcome = Outcome::Value(Some(Arc::new(Number(number))));
            Ok(QueryResponse {
                position: Position::Index(number),
                outcome,
                last_contact: None,
            })
        }
        .boxed_local()
    }
}
