//! Queries that Consul answers, as the engine's [`Query`].
//!
//! A watch type implements [`ConsulQuery`], and [`impl_query!`] implements the engine's trait for it. This
//! file holds what all watch types share: the source, the time for which Consul holds a query, and the
//! conversion of an answer into the engine's.

use std::{pin::pin, time::Duration};

use consul_watch_actors::{
    Cursor, Failure, FailureClass, Outcome, Query, QueryResponse, Request, SharedBy, WatchPath,
};
use futures_util::future::{Either, LocalBoxFuture, select};

use super::{
    query_options::QueryOptions,
    source::{by_index, failure},
};
use crate::{
    absence,
    client::{
        ClientError, Consistency, ConsulClient, ConsulConfig, PoolKind, QueryAnswer, QueryRequest,
    },
};

/// The first and the longest pause before data is read again beside a held query.
const MIN_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(16);

/// The future of one answer.
pub(super) type Answering<V> = LocalBoxFuture<'static, Result<QueryResponse<V>, Failure>>;

/// A query that Consul answers.
///
/// [`impl_query!`] implements the engine's [`Query`] for it. A blanket implementation is not possible:
/// `Query` belongs to another crate, and Rust's orphan rule forbids one for every `T: ConsulQuery`.
pub(super) trait ConsulQuery: Query<Source = ConsulConfig> {
    /// Whether Consul's own list, without filters, is never empty.
    const NEVER_EMPTY: bool = false;

    /// Returns the parameters that all endpoints take.
    fn options(&self) -> &QueryOptions;

    /// Implements `Query::path`; the path includes the options.
    fn watch_path(&self) -> WatchPath;

    /// Implements `Query::run`: sends one query.
    fn ask(&self, client: &ConsulClient, request: Request<Self::Value>) -> Answering<Self::Value>;

    /// Implements `Ask::proves_removals`.
    fn proves_removals(&self) -> bool {
        false
    }

    /// Returns the name of the service whose entries it lists, if it is about one.
    fn service_name(&self) -> Option<&str> {
        None
    }

    /// Implements `Query::shared_with`.
    fn sharing(&self) -> Option<&dyn SharedBy<Self>> {
        None
    }
}

/// Implements the engine's `Query` for a [`ConsulQuery`] with this value:
/// `impl_query!(Nodes => Vec<Arc<Node>>)`. A generic query has its parameters in front:
/// `impl_query!([T: Debug] JsonKey<T> => Option<Arc<T>>)`.
macro_rules! impl_query {
    ([$($parameters:tt)*] $query:ty => $value:ty) => {
        impl<$($parameters)*> ::consul_watch_actors::Query for $query {
            type Source = $crate::client::ConsulConfig;
            type Value = $value;

            fn path(&self) -> ::consul_watch_actors::WatchPath {
                $crate::watch::consul_query::ConsulQuery::watch_path(self)
            }

            fn evaluation(&self) -> ::consul_watch_actors::Evaluation<'_, Self> {
                ::consul_watch_actors::Evaluation::Asked(self)
            }

            fn shared_with(&self) -> Option<&dyn ::consul_watch_actors::SharedBy<Self>> {
                $crate::watch::consul_query::ConsulQuery::sharing(self)
            }
        }

        impl<$($parameters)*> ::consul_watch_actors::Ask for $query {
            fn proves_removals(&self, _: &$crate::client::ConsulConfig) -> bool {
                $crate::watch::consul_query::ConsulQuery::proves_removals(self)
            }

            fn server_hold(&self, config: &$crate::client::ConsulConfig) -> ::std::time::Duration {
                $crate::watch::consul_query::ConsulQuery::options(self).hold(config)
            }

            fn run(
                &self,
                client: &$crate::client::ConsulClient,
                request: ::consul_watch_actors::Request<$value>,
            ) -> $crate::watch::consul_query::Answering<$value> {
                match request.longest_wait {
                    None => $crate::watch::consul_query::ConsulQuery::ask(self, client, request),
                    limit => {
                        let client = client.holding_at_most(limit);
                        $crate::watch::consul_query::ConsulQuery::ask(self, &client, request)
                    }
                }
            }
        }
    };
    ($query:ty => $value:ty) => {
        $crate::watch::consul_query::impl_query!([] $query => $value);
    };
}
pub(super) use impl_query;

/// Queries an endpoint of the agent that blocks by index; `read` compares its answer with the last value.
pub(super) fn ask_and_read<V: Send + Sync + 'static>(
    client: &ConsulClient,
    query: Result<QueryRequest, Failure>,
    request: Request<V>,
    read: impl FnOnce(&QueryAnswer, Option<&V>) -> Result<Outcome<V>, Failure> + 'static,
) -> Answering<V> {
    let client = client.clone();
    Box::pin(async move {
        let query = query?.with_cursor(request.cursor.clone());
        let answer = client.blocking_query(&query).await.map_err(refusal)?;
        let outcome = read(&answer, request.previous.as_deref())?;
        Ok(by_index(&answer, outcome))
    })
}

/// Returns the value, or `Unchanged` if it equals the last one.
pub(super) fn changed<V: PartialEq>(value: V, previous: Option<&V>) -> Outcome<V> {
    if previous == Some(&value) {
        Outcome::Unchanged
    } else {
        Outcome::Value(value)
    }
}

/// Returns the value, or `Unchanged` if `same`.
pub(super) fn unless_same<V>(value: V, same: bool) -> Outcome<V> {
    if same {
        Outcome::Unchanged
    } else {
        Outcome::Value(value)
    }
}

/// Sends one query that resumes from `cursor`, and returns whether its answer is fresh
/// ([`absence::is_fresh`]). A doubtful answer is replaced by that of a query without an index.
pub(super) async fn ask(
    client: &ConsulClient,
    query: QueryRequest,
    cursor: &Cursor,
) -> Result<(QueryAnswer, bool), Failure> {
    let asked = query.clone().resume_from(cursor, client.config());
    let answer = match cursor {
        Cursor::Index(before) => match ask_held(client, &query, &asked, *before).await? {
            Held::Answered(answer) => answer,
            Held::Replaced(fresh) => return Ok((fresh, true)),
        },
        Cursor::Start | Cursor::Hash(_) => client.blocking_query(&asked).await.map_err(refusal)?,
    };
    match cursor {
        Cursor::Start => client.note_fresh(&query, answer.index),
        Cursor::Index(index) if answer.is_early_repeat => client.note_repeated(&query, *index),
        Cursor::Index(_) | Cursor::Hash(_) => {}
    }
    if is_doubtful(cursor, &answer) {
        return Ok((ask_afresh(client, query).await?, true));
    }
    let is_consistent = asked.consistency(client.config()) == Consistency::Consistent;
    let resumes = *cursor != Cursor::Start;
    Ok((answer, absence::is_fresh(resumes, is_consistent)))
}

/// The end of a held query.
enum Held {
    Answered(QueryAnswer),
    /// Consul holds it beyond data that replaced what was known: this is the newer data.
    Replaced(QueryAnswer),
}

/// Sends a query that Consul holds. If another one finds that a snapshot was restored, the data is read beside it.
async fn ask_held(
    client: &ConsulClient,
    query: &QueryRequest,
    asked: &QueryRequest,
    before: u64,
) -> Result<Held, Failure> {
    let mut signals = client.restore_signal(query).subscribe();
    let mut held = pin!(client.blocking_query(asked));
    loop {
        match select(&mut held, pin!(signals.next())).await {
            Either::Left((answer, _)) => return answer.map(Held::Answered).map_err(refusal),
            Either::Right(_) => {}
        }
        // Boxed, because a restore is rare.
        let beside = Box::pin(read_beside(client, query, before));
        match select(&mut held, beside).await {
            Either::Left((answer, _)) => return answer.map(Held::Answered).map_err(refusal),
            Either::Right((Some(fresh), _)) => return Ok(Held::Replaced(fresh)),
            Either::Right((None, _)) => {}
        }
    }
}

/// Reads without an index, beside a query that is held, until there is an answer; `None` unless it has older data than
/// that of the index `before`.
async fn read_beside(
    client: &ConsulClient,
    query: &QueryRequest,
    before: u64,
) -> Option<QueryAnswer> {
    let afresh = query
        .clone()
        .with_cursor(Cursor::Start)
        .with_consistency(Consistency::Consistent);
    let mut pause = MIN_PAUSE;
    loop {
        let answer = {
            let _turn = client.proof_turn().await;
            client.query(&afresh, PoolKind::Short).await
        };
        match answer {
            Ok(mut answer) => {
                answer.is_beside_held = true;
                return Some(answer).filter(|answer| answer.index.is_some_and(|it| it < before));
            }
            // The held query has the same trouble, and reports it.
            Err(_) if pause > MAX_PAUSE => return None,
            Err(_) => tokio::time::sleep(pause).await,
        }
        pause *= 2;
    }
}

/// Sends the query without an index, so that the leader confirms its answer.
pub(super) async fn ask_afresh(
    client: &ConsulClient,
    query: QueryRequest,
) -> Result<QueryAnswer, Failure> {
    let afresh = query
        .with_cursor(Cursor::Start)
        .with_consistency(Consistency::Consistent);
    client.blocking_query(&afresh).await.map_err(refusal)
}

/// Returns whether the answer to a query that resumed from `cursor` may be of another history
/// ([`absence::is_doubtful`]).
pub(super) fn is_doubtful(cursor: &Cursor, answer: &QueryAnswer) -> bool {
    let before = match cursor {
        Cursor::Index(before) => Some(*before),
        Cursor::Start | Cursor::Hash(_) => None,
    };
    absence::is_doubtful(before, answer.index)
}

/// Converts a client error. An invalid filter is a bad request, although Consul before 1.9 answers it with a 500.
fn refusal(error: ClientError) -> Failure {
    const UNREADABLE: &str = "Failed to create boolean expression evaluator";
    match &error {
        ClientError::Status {
            text,
            from_consul: true,
            ..
        } if text.contains(UNREADABLE) => Failure::new(FailureClass::BadRequest, error),
        _ => failure(error),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use consul_watch_actors::Ask as _;

    use super::*;
    use crate::watch::{Key, KeyPrefix};

    #[test]
    fn a_decoded_query_is_held_as_long_as_its_source() {
        let (config, wait) = (ConsulConfig::default(), Duration::from_secs(160));
        let held = Duration::from_secs(170);
        assert_eq!(Key::new("a").with_wait(wait).server_hold(&config), held);
        assert_eq!(
            Key::new("a")
                .with_wait(wait)
                .json::<u8>()
                .server_hold(&config),
            held
        );
        assert_eq!(
            KeyPrefix::new("a")
                .with_wait(wait)
                .decode::<Vec<u8>>()
                .server_hold(&config),
            held
        );
    }
}
