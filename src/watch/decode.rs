//! All keys of a folder, decoded into a struct.

use std::{
    any::Any,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
    sync::Arc,
};

use consul_watch_actors::{
    Answer, Ask as _, Extracted, Input, KeySelector, Outcome, Query, Request, SharedBy, WatchPath,
};
use serde::de::DeserializeOwned;

use super::{
    consul_query::{Answering, ConsulQuery, impl_query},
    key_prefix::KeyPrefix,
    options::Options,
};
use crate::{
    client::{ConsulClient, ConsulConfig},
    decode::{Settings, Unknown, from_pairs},
    kv::KvPair,
};

/// Watches a folder as one value of the type `T`: made by [`KeyPrefix::decode`].
pub struct Decode<T> {
    folder: KeyPrefix,
    unknown: Unknown,
    decoded: PhantomData<fn() -> T>,
}

impl<T> Decode<T> {
    pub(super) fn new(folder: KeyPrefix) -> Self {
        Self {
            folder: folder.beneath(),
            unknown: Unknown::Ignore,
            decoded: PhantomData,
        }
    }

    /// Refuses a folder with keys that the type has no field for; otherwise they are passed over.
    #[must_use]
    pub fn refuse_unknown(mut self) -> Self {
        self.unknown = Unknown::Refuse;
        self
    }
}

impl<T> Clone for Decode<T> {
    fn clone(&self) -> Self {
        Self {
            folder: self.folder.clone(),
            unknown: self.unknown,
            decoded: PhantomData,
        }
    }
}

impl<T> PartialEq for Decode<T> {
    fn eq(&self, other: &Self) -> bool {
        self.folder == other.folder && self.unknown == other.unknown
    }
}

impl<T> Eq for Decode<T> {}

impl<T> Hash for Decode<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folder.hash(state);
        self.unknown.hash(state);
    }
}

impl<T> fmt::Debug for Decode<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decode")
            .field("folder", &self.folder)
            .field("unknown", &self.unknown)
            .finish()
    }
}

impl<T> ConsulQuery for Decode<T>
where
    T: DeserializeOwned + PartialEq + fmt::Debug + Send + Sync + 'static,
{
    fn options(&self) -> &Options {
        self.folder.options()
    }

    fn watch_path(&self) -> WatchPath {
        let path = self.folder.path().option("decode");
        if self.unknown == Unknown::Refuse {
            path.option("refuse_unknown")
        } else {
            path
        }
    }

    fn ask(&self, client: &ConsulClient, request: Request<Self::Value>) -> Answering<Self::Value> {
        let folder = self.folder.whole(client.config());
        let unknown = self.unknown;
        let previous = request
            .previous
            .map(|settings| Arc::clone(settings.pairs()));
        let fetch = self.folder.run(
            client,
            Request {
                cursor: request.cursor,
                previous,
            },
        );
        Box::pin(async move {
            let Answer {
                position,
                outcome,
                last_contact,
            } = fetch.await?;
            let outcome = decoded(&folder, outcome, unknown);
            Ok(Answer {
                position,
                outcome,
                last_contact,
            })
        })
    }

    fn sharing(&self) -> Option<&dyn SharedBy<Self>> {
        Some(self)
    }
}

impl_query!([T: DeserializeOwned + PartialEq + fmt::Debug + Send + Sync + 'static] Decode<T> => Settings<T>);

impl<T> SharedBy<Self> for Decode<T>
where
    T: DeserializeOwned + PartialEq + fmt::Debug + Send + Sync + 'static,
{
    fn wider_queries(&self) -> Vec<Input<Self>> {
        // The folder itself holds all that it is made of.
        std::iter::once(self.folder.clone())
            .chain(self.folder.wider())
            .map(Input::of)
            .collect()
    }

    fn key_selector(&self, source: &ConsulConfig) -> KeySelector {
        self.folder.key_selector(source)
    }

    fn extract(
        &self,
        source: &ConsulConfig,
        whole: &dyn Any,
        index: u64,
        previous: Option<&Settings<T>>,
    ) -> Option<Extracted<Settings<T>>> {
        let pairs = previous.map(|settings| &**settings.pairs());
        let Extracted {
            index,
            outcome,
            confirm,
        } = self.folder.extract(source, whole, index, pairs)?;
        let outcome = decoded(&self.folder.whole(source), outcome, self.unknown);
        Some(Extracted {
            index,
            outcome,
            confirm,
        })
    }

    fn extract_retaining(
        &self,
        source: &ConsulConfig,
        whole: &dyn Any,
        index: u64,
        previous: &Settings<T>,
    ) -> Option<Extracted<Settings<T>>> {
        let pairs = &**previous.pairs();
        let part = self.folder.extract_retaining(source, whole, index, pairs)?;
        let outcome = decoded(&self.folder.whole(source), part.outcome, self.unknown);
        Some(Extracted {
            index: part.index,
            outcome,
            confirm: part.confirm,
        })
    }
}

fn decoded<T: DeserializeOwned>(
    folder: &str,
    pairs: Outcome<Vec<Arc<KvPair>>>,
    unknown: Unknown,
) -> Outcome<Settings<T>> {
    match pairs {
        Outcome::Value(pairs) => match from_pairs(folder, &pairs, unknown) {
            Ok(value) => Outcome::Value(Settings::new(value, pairs)),
            Err(error) => Outcome::Rejected(Arc::new(error)),
        },
        Outcome::Rejected(reason) => Outcome::Rejected(reason),
        _ => Outcome::Unchanged,
    }
}
