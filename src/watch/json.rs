//! One key, decoded from JSON.

use std::{
    any::Any,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
    sync::Arc,
};

use consul_watch_actors::{
    Extracted, Input, KeySelector, Outcome, Query, Request, SharedBy, WatchPath,
};
use serde::de::DeserializeOwned;

use super::{
    consul_query::{Answering, ConsulQuery, impl_query},
    key::{Fetched, Key},
    options::Options,
    source::by_index,
};
use crate::{
    client::{ConsulClient, ConsulConfig},
    decode::{Document, from_json},
    kv::KvPair,
};

/// Watches one key whose value is JSON: made by [`Key::json`].
pub struct Json<T> {
    key: Key,
    decoded: PhantomData<fn() -> T>,
}

impl<T> Json<T> {
    pub(super) fn new(key: Key) -> Self {
        Self {
            key,
            decoded: PhantomData,
        }
    }
}

impl<T> Clone for Json<T> {
    fn clone(&self) -> Self {
        Self::new(self.key.clone())
    }
}

impl<T> PartialEq for Json<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<T> Eq for Json<T> {}

impl<T> Hash for Json<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl<T> fmt::Debug for Json<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Json").field(&self.key).finish()
    }
}

impl<T> ConsulQuery for Json<T>
where
    T: DeserializeOwned + PartialEq + fmt::Debug + Send + Sync + 'static,
{
    fn options(&self) -> &Options {
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

impl_query!([T: DeserializeOwned + PartialEq + fmt::Debug + Send + Sync + 'static] Json<T> => Option<Arc<Document<T>>>);

impl<T> SharedBy<Self> for Json<T>
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
        previous: Option<&Option<Arc<Document<T>>>>,
    ) -> Option<Extracted<Option<Arc<Document<T>>>>> {
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

fn decoded<T: DeserializeOwned>(key: &str, pair: &KvPair) -> Outcome<Option<Arc<Document<T>>>> {
    match from_json(key, pair.value.as_deref().unwrap_or_default()) {
        Ok(value) => Outcome::Value(Some(Arc::new(Document::new(value)))),
        Err(error) => Outcome::Rejected(Arc::new(error)),
    }
}
