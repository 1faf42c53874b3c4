//! Watches of a folder that is decoded into a struct.

use std::{any::Any, fmt, marker::PhantomData, sync::Arc};

use consul_watch_actors::{
    Ask as _, Extracted, Failure, FailureClass, Input, KeySelector, Outcome, Query, QueryResponse,
    Request, SharedBy, WatchPath,
};
use serde::de::DeserializeOwned;

use super::{
    consul_query::{Answering, ConsulQuery, impl_query},
    key_prefix::KeyPrefix,
    query_options::QueryOptions,
    typed_query::typed_query,
};
use crate::{
    absence::Why,
    client::{ConsulClient, ConsulConfig},
    decode::{Decoded, UnknownFields, from_pairs},
    kv::KvPair,
};

/// Watches a folder as one value of the type `T`. [`KeyPrefix::decode`] creates it.
pub struct DecodedPrefix<T> {
    folder: KeyPrefix,
    unknown: UnknownFields,
    decoded: PhantomData<fn() -> T>,
}

impl KeyPrefix {
    /// Watches the keys in the folder as one value of the type `T`: each key is a field, each `/` is one level
    /// of nesting. [`decode::from_pairs`](crate::decode::from_pairs) says how texts become fields.
    ///
    /// There is always a value: a missing or deleted key is the field's `#[serde(default)]`. If the folder
    /// cannot be decoded, observers receive [`EventKind::Rejected`](crate::EventKind::Rejected) and the last
    /// good value stays.
    ///
    /// ```no_run
    /// # use actix::prelude::*;
    /// use consul_watch::{Changed, KeyPrefix, Watch, watch::DecodedPrefix};
    ///
    /// #[derive(Debug, PartialEq, serde::Deserialize)]
    /// struct Web { #[serde(default = "http")] port: u16, #[serde(default)] timeout: std::time::Duration }
    /// fn http() -> u16 { 80 }
    ///
    /// # struct Server;
    /// # impl Actor for Server { type Context = Context<Self>; }
    /// impl Handler<Changed<DecodedPrefix<Web>>> for Server {
    ///     type Result = ();
    ///     fn handle(&mut self, changed: Changed<DecodedPrefix<Web>>, _: &mut Self::Context) {
    ///         println!("port {}, timeout {:?}", changed.current.port, changed.current.timeout);
    ///     }
    /// }
    /// # async fn example(watches: Addr<consul_watch::WatchSupervisor>) -> Result<(), Box<dyn std::error::Error>> {
    /// watches.send(Watch::new(KeyPrefix::new("web").decode::<Web>(), Server.start())).await??;
    /// # Ok(())
    /// # }
    /// ```
    pub fn decode<T>(self) -> DecodedPrefix<T> {
        DecodedPrefix::new(self)
    }
}

impl<T> DecodedPrefix<T> {
    fn new(folder: KeyPrefix) -> Self {
        Self {
            folder: folder.into_folder(),
            unknown: UnknownFields::Ignore,
            decoded: PhantomData,
        }
    }

    /// Rejects a folder with keys that the type has no field for. Default: such keys are ignored.
    #[must_use]
    pub fn deny_unknown_fields(mut self) -> Self {
        self.unknown = UnknownFields::Deny;
        self
    }
}

typed_query!(DecodedPrefix { folder, unknown });

impl<T> ConsulQuery for DecodedPrefix<T>
where
    T: DeserializeOwned + PartialEq + fmt::Debug + Send + Sync + 'static,
{
    fn options(&self) -> &QueryOptions {
        self.folder.options()
    }

    fn watch_path(&self) -> WatchPath {
        let path = self.folder.path().option("decode");
        if self.unknown == UnknownFields::Deny {
            path.option("deny_unknown_fields")
        } else {
            path
        }
    }

    fn ask(&self, client: &ConsulClient, request: Request<Self::Value>) -> Answering<Self::Value> {
        let folder = self.folder.full_prefix(client.config());
        let unknown = self.unknown;
        let previous = request
            .previous
            .map(|settings| Arc::clone(settings.pairs()));
        let fetch = self.folder.run(
            client,
            Request {
                cursor: request.cursor,
                previous,
                unproven: request.unproven,
                longest_wait: request.longest_wait,
            },
        );
        Box::pin(async move {
            let QueryResponse {
                position,
                outcome,
                last_contact,
            } = fetch.await?;
            if let Outcome::Unproven(_) = outcome {
                // The defaults of the type would stand for what the token may not read.
                return Err(Failure::new(FailureClass::Denied, Why::Filtered));
            }
            let outcome = decoded(&folder, outcome, unknown);
            Ok(QueryResponse {
                position,
                outcome,
                last_contact,
            })
        })
    }

    fn sharing(&self) -> Option<&dyn SharedBy<Self>> {
        self.folder.shared_with().is_some().then_some(self)
    }
}

impl_query!([T: DeserializeOwned + PartialEq + fmt::Debug + Send + Sync + 'static] DecodedPrefix<T> => Decoded<T>);

impl<T> SharedBy<Self> for DecodedPrefix<T>
where
    T: DeserializeOwned + PartialEq + fmt::Debug + Send + Sync + 'static,
{
    fn wider_queries(&self) -> Vec<Input<Self>> {
        // The plain folder contains all keys of the decoded one.
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
        previous: Option<&Decoded<T>>,
    ) -> Option<Extracted<Decoded<T>>> {
        let pairs = previous.map(|settings| &**settings.pairs());
        let Extracted {
            index,
            outcome,
            confirm,
        } = self.folder.extract(source, whole, index, pairs)?;
        let outcome = decoded(&self.folder.full_prefix(source), outcome, self.unknown);
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
        previous: &Decoded<T>,
    ) -> Option<Extracted<Decoded<T>>> {
        let pairs = &**previous.pairs();
        let part = self.folder.extract_retaining(source, whole, index, pairs)?;
        let outcome = decoded(&self.folder.full_prefix(source), part.outcome, self.unknown);
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
    unknown: UnknownFields,
) -> Outcome<Decoded<T>> {
    match pairs {
        Outcome::Value(pairs) => match from_pairs(folder, &pairs, unknown) {
            Ok(value) => Outcome::Value(Decoded::from_parts(value, pairs)),
            Err(error) => Outcome::Rejected(Arc::new(error)),
        },
        Outcome::Rejected(reason) => Outcome::Rejected(reason),
        _ => Outcome::Unchanged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_reaches_it_by_the_name_that_it_was_made_with() {
        for name in ["cfg", "cfg/"] {
            let path = KeyPrefix::new(name).decode::<String>().path();
            assert!(path.matches_name(name), "{path} by {name}");
            assert!(path.matches_name("keyprefix:cfg/?decode"), "{path}");
        }
    }
}
