//! Watches of one key that is decoded from JSON.

use std::{any::Any, fmt, marker::PhantomData, sync::Arc};

use consul_watch_actors::{
    Extracted, Input, KeySelector, Outcome, Query, Request, SharedBy, WatchPath,
};
use serde::de::DeserializeOwned;

use super::{
    consul_query::{Answering, ConsulQuery, impl_query},
    key::{Fetched, Key},
    query_options::QueryOptions,
    source::by_index,
    typed_query::typed_query,
};
use crate::{
    client::{ConsulClient, ConsulConfig},
    decode::{JsonDocument, from_json},
    kv::KvPair,
};

/// Watches one key whose value is JSON. [`Key::json`] creates it.
pub struct JsonKey<T> {
    key: Key,
    decoded: PhantomData<fn() -> T>,
}

impl Key {
    /// Watches the key's value as JSON of the type `T`.
    ///
    /// The value is `None` if there is no such key. If the JSON cannot be decoded, observers receive
    /// [`EventKind::Rejected`](crate::EventKind::Rejected) with the key, the field and the reason, and the
    /// last good value stays.
    ///
    /// ```no_run
    /// # use actix::prelude::*;
    /// use consul_watch::{Changed, Key, Watch, watch::JsonKey};
    ///
    /// #[derive(Debug, PartialEq, serde::Deserialize)]
    /// struct Limits { connections: u32 }
    ///
    /// # struct Server;
    /// # impl Actor for Server { type Context = Context<Self>; }
    /// impl Handler<Changed<JsonKey<Limits>>> for Server {
    ///     type Result = ();
    ///     fn handle(&mut self, changed: Changed<JsonKey<Limits>>, _: &mut Self::Context) {
    ///         if let Some(limits) = changed.current.as_deref() {
    ///             println!("at most {} connections", limits.connections);
    ///         }
    ///     }
    /// }
    /// # async fn example(watches: Addr<consul_watch::WatchSupervisor>) -> Result<(), Box<dyn std::error::Error>> {
    /// watches.send(Watch::new(Key::new("app/limits").json::<Limits>(), Server.start())).await??;
    /// # Ok(())
    /// # }
    /// ```
    pub fn json<T>(self) -> JsonKey<T> {
        JsonKey::new(self)
    }
}

impl<T> JsonKey<T> {
    fn new(key: Key) -> Self {
        Self {
            key,
            decoded: PhantomData,
        }
    }
}

typed_query!(JsonKey { key });

impl<T> ConsulQuery for JsonKey<T>
where
    T: DeserializeOwned + PartialEq + fmt::Debug + Send + Sync + 'static,
{
    fn options(&self) -> &QueryOptions {
        self.key.options()
    }

    fn watch_path(&self) -> WatchPath {
        self.key.path().option("json")
    }

    fn ask(&self, client: &ConsulClient, request: Request<Self::Value>) -> Answering<Self::Value> {
        let key = self.key.key(client.config());
        let fetch = self.key.fetch(
            client,
            Request {
                cursor: request.cursor,
                previous: None,
                unproven: false,
                longest_wait: request.longest_wait,
            },
        );
        Box::pin(async move {
            let Fetched { answer, pair, .. } = fetch.await?;
            let outcome = match pair {
                None => Outcome::Value(None),
                Some(pair) => decoded(&key, &pair),
            };
            Ok(by_index(&answer, outcome))
        })
    }

    fn sharing(&self) -> Option<&dyn SharedBy<Self>> {
        self.key.shared_with().is_some().then_some(self)
    }
}

impl_query!([T: DeserializeOwned + PartialEq + fmt::Debug + Send + Sync + 'static] JsonKey<T> => Option<Arc<JsonDocument<T>>>);

impl<T> SharedBy<Self> for JsonKey<T>
where
    T: DeserializeOwned + PartialEq + fmt::Debug + Send + Sync + 'static,
{
    fn wider_queries(&self) -> Vec<Input<Self>> {
        self.key.wider().into_iter().map(Input::of).collect()
    }

    fn key_selector(&self, source: &ConsulConfig) -> KeySelector {
        self.key.key_selector(source)
    }

    fn extract(
        &self,
        source: &ConsulConfig,
        whole: &dyn Any,
        index: u64,
        previous: Option<&Option<Arc<JsonDocument<T>>>>,
    ) -> Option<Extracted<Option<Arc<JsonDocument<T>>>>> {
        let absent = previous.and_then(|previous| previous.is_none().then_some(None));
        let Extracted {
            index,
            outcome,
            confirm,
        } = self.key.extract(source, whole, index, absent.as_ref())?;
        let outcome = match outcome {
            Outcome::Value(Some(pair)) => decoded(&pair.key, &pair),
            Outcome::Value(None) => Outcome::Value(None),
            Outcome::Rejected(reason) => Outcome::Rejected(reason),
            _ => Outcome::Unchanged,
        };
        Some(Extracted {
            index,
            outcome,
            confirm,
        })
    }
}

fn decoded<T: DeserializeOwned>(key: &str, pair: &KvPair) -> Outcome<Option<Arc<JsonDocument<T>>>> {
    match from_json(key, pair.value.as_deref().unwrap_or_default()) {
        Ok(value) => Outcome::Value(Some(Arc::new(JsonDocument::of_pair(value, pair)))),
        Err(error) => Outcome::Rejected(Arc::new(error)),
    }
}
