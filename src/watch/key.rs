//! One key.

use std::sync::Arc;

use consul_watch_actors::{Failure, FailureClass, Request, SharedBy, WatchPath};

use super::{
    consul_query::{Answering, ConsulQuery, impl_query, unless_same},
    json::Json,
    kv_proof::{KvProof, prove},
    kv_removals::MAX_REREADS,
    options::{Options, option_setters},
    pairs::Reading,
    source::{by_index, failure},
};
use crate::{
    absence::{Absence, Why},
    client::{ConsulClient, ConsulConfig, Cursor, KeyPath, QueryAnswer, QueryRequest},
    kv::KvPair,
};

/// Watches one key (Consul's watch type `key`; "KV Store HTTP API").
///
/// The value is the pair, or `None` when there is no such key: absence is a value, and deleting the key
/// a change to it. A key that was deleted and created again with its old value has changed; one that was
/// written again with the value it had has not, unless the subscriber's view says so
/// (`view.project(|pair| pair.modify_index)`).
///
/// The key is named beneath the configuration's prefix.
///
/// ```no_run
/// use actix::prelude::*;
/// use consul_watch::{Changed, ConsulConfig, Key, Watch, WatchSupervisor};
///
/// struct Port;
/// impl Actor for Port { type Context = Context<Self>; }
/// impl Handler<Changed<Key>> for Port {
///     type Result = ();
///     fn handle(&mut self, changed: Changed<Key>, _: &mut Self::Context) {
///         match &*changed.current {
///             Some(pair) => println!("{pair}"),
///             None => println!("there is no port"),
///         }
///     }
/// }
///
/// # #[actix::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let watches = WatchSupervisor::new(ConsulConfig::from_env()?).start();
/// watches.send(Watch::new(Key::new("app/port"), Port.start())).await??;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    name: String,
    options: Options,
}

impl Key {
    /// The key of this name beneath the configuration's prefix. It is taken as it is: slashes, dots and
    /// spaces are part of it. An empty name cannot be watched: it ends the watch as invalid.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            options: Options::default(),
        }
    }

    /// Its name, without the configuration's prefix.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Watches the key's value as JSON of the type `T`.
    ///
    /// The value is `None` when there is no such key. One that does not decode is told to observers as
    /// [`EventKind::Rejected`](crate::EventKind::Rejected), with the key, the field and the reason, and
    /// the last good value stays.
    ///
    /// ```no_run
    /// # use actix::prelude::*;
    /// use consul_watch::{Changed, Key, Watch, watch::Json};
    ///
    /// #[derive(Debug, PartialEq, serde::Deserialize)]
    /// struct Limits { connections: u32 }
    ///
    /// # struct Server;
    /// # impl Actor for Server { type Context = Context<Self>; }
    /// impl Handler<Changed<Json<Limits>>> for Server {
    ///     type Result = ();
    ///     fn handle(&mut self, changed: Changed<Json<Limits>>, _: &mut Self::Context) {
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
    pub fn json<T>(self) -> Json<T> {
        Json::new(self)
    }

    option_setters!();

    /// Asks for the pair once.
    pub(super) fn fetch(
        &self,
        client: &ConsulClient,
        request: Request<Option<Arc<KvPair>>>,
    ) -> impl Future<Output = Result<Fetched, Failure>> + use<> {
        let client = client.clone();
        let options = self.options.clone();
        let key = if self.name.is_empty() {
            String::new()
        } else {
            self.key(client.config())
        };
        async move {
            let (query, is_list) = match KeyPath::of_key(&key) {
                Ok(KeyPath::Direct(path)) => (QueryRequest::new(path), false),
                Ok(KeyPath::NearestPrefix(path)) => {
                    (QueryRequest::new(path).with_param("recurse", ""), true)
                }
                Err(empty) => return Err(Failure::new(FailureClass::Invalid, empty)),
            };
            let query = options.apply(query).accept_404(true);
            let resumed = query.clone().resume_from(&request.cursor, client.config());
            let mut answer = client.blocking_query(&resumed).await.map_err(failure)?;
            let previous = request
                .previous
                .as_ref()
                .map_or(&[][..], |previous| previous.as_slice());
            let keep = |found: &str| found == key;
            let trusted = Reading::trusts(&request.cursor, &answer);
            let reading = |trusted| Reading {
                previous,
                trusted,
                keep: &keep,
            };
            let mut pair = reading(trusted).read(&answer).map_err(failure)?.pop();
            let mut rereads = 0;
            // A list leaves out what the token may not read. Boxed, since few keys need one.
            while pair.is_none() && is_list && !Box::pin(is_gone(&client, &options, &key)).await? {
                if rereads == MAX_REREADS {
                    return Err(Failure::new(FailureClass::Transient, Why::Present));
                }
                rereads += 1;
                let afresh = query.clone().resume_from(&Cursor::Start, client.config());
                answer = client.blocking_query(&afresh).await.map_err(failure)?;
                pair = reading(false).read(&answer).map_err(failure)?.pop();
            }
            let same = request
                .previous
                .is_some_and(|previous| match (&*previous, &pair) {
                    (Some(old), Some(new)) => Arc::ptr_eq(old, new),
                    (None, None) => true,
                    _ => false,
                });
            Ok(Fetched { answer, pair, same })
        }
    }

    /// Its key in full.
    pub(super) fn key(&self, source: &ConsulConfig) -> String {
        format!("{}{}", source.prefix(), self.name)
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }
}

/// Whether a key that a list lacks is gone. `false`: Consul says that it is there.
async fn is_gone(client: &ConsulClient, options: &Options, key: &str) -> Result<bool, Failure> {
    let KvProof { absences, error } = prove(client, options, &[key]).await;
    match absences.first() {
        Some(Absence::Proven) => Ok(true),
        Some(Absence::Unproven(Why::Present)) => Ok(false),
        Some(Absence::Unproven(Why::Hidden)) => Err(Failure::new(
            FailureClass::Denied,
            HiddenKey(key.to_owned()),
        )),
        _ => Err(error.map_or_else(
            || Failure::new(FailureClass::Transient, Why::Unknown),
            failure,
        )),
    }
}

/// A key that no URL can name and that the token may not read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the token may not read the key {0:?}; check the token and its policies")]
struct HiddenKey(String);

/// What asking for a key brought.
pub(super) struct Fetched {
    pub(super) answer: QueryAnswer,
    pub(super) pair: Option<Arc<KvPair>>,
    /// It is the pair that the request carried.
    pub(super) same: bool,
}

impl ConsulQuery for Key {
    fn options(&self) -> &Options {
        &self.options
    }

    fn watch_path(&self) -> WatchPath {
        self.options.describe(WatchPath::new("key", &*self.name))
    }

    fn ask(&self, client: &ConsulClient, request: Request<Self::Value>) -> Answering<Self::Value> {
        let fetch = self.fetch(client, request);
        Box::pin(async move {
            let Fetched { answer, pair, same } = fetch.await?;
            Ok(by_index(&answer, unless_same(pair, same)))
        })
    }

    fn sharing(&self) -> Option<&dyn SharedBy<Self>> {
        // A key without a name is an error that it has to meet itself.
        (!self.name.is_empty()).then_some(self)
    }
}

impl_query!(Key => Option<Arc<KvPair>>);
