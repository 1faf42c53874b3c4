//! Watches of one key.

use std::sync::Arc;

use consul_watch_actors::{Failure, FailureClass, Request, SharedBy, WatchPath};

use super::{
    consul_query::{Answering, ConsulQuery, ask, impl_query, unless_same},
    kv_list::{AskedKeys, KvListReader},
    kv_proof::{KvProof, prove},
    kv_removals::MAX_REREADS,
    query_options::{QueryOptions, option_setters},
    source::{by_index, failure},
    unreadable::Readable,
};
use crate::{
    absence::{Absence, Why},
    client::{ConsulClient, ConsulConfig, Cursor, KeyPath, QueryAnswer, QueryRequest},
    kv::KvPair,
};

/// Watches one key: Consul's watch type `key`
/// (<https://developer.hashicorp.com/consul/api-docs/kv#read-key>).
///
/// The value is the pair, or `None` if there is no such key: absence is a value, and a deletion is a change.
/// A key that was deleted and created again with its old value has changed. A key that was written again
/// with the same value has not, unless the subscriber projects its index
/// (`view.project(|pair| pair.modify_index)`).
///
/// The name is relative to the configuration's prefix.
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
    options: QueryOptions,
}

impl Key {
    /// Watches the key with this name, relative to the configuration's prefix. The name is used as it is:
    /// slashes, dots and spaces are part of it. Consul's own client, the command and files drop one slash in front.
    /// No URL can name such a key, nor one whose first segment is empty, `.` or `..`: a watch of it reads the whole
    /// store. An empty name is invalid and ends the watch.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            options: QueryOptions::default(),
        }
    }

    /// Returns the name, without the configuration's prefix.
    pub fn name(&self) -> &str {
        &self.name
    }

    option_setters!();

    /// Sends one query for the pair.
    pub(super) fn fetch(
        &self,
        client: &ConsulClient,
        request: Request<Option<Arc<KvPair>>>,
    ) -> impl Future<Output = Result<Fetched, Failure>> + use<> {
        let client = client.clone();
        let path = self.watch_path();
        let options = self.options.clone();
        let key = if self.name.is_empty() {
            String::new()
        } else {
            self.key(client.config())
        };
        async move {
            let named = KeyPath::of_key(&key)
                .map_err(|empty| Failure::new(FailureClass::Invalid, empty))?;
            let (query, is_list) = match &named {
                KeyPath::Direct(path) => (QueryRequest::new(path), false),
                KeyPath::NearestPrefix(path) => {
                    (QueryRequest::new(path).with_param("recurse", ""), true)
                }
            };
            let asked = if is_list {
                AskedKeys::Prefix(named.asked())
            } else {
                AskedKeys::One(key.clone())
            };
            let query = options.apply(query).accept_404(true);
            let (mut answer, _) = ask(&client, query.clone(), &request.cursor).await?;
            let previous = request
                .previous
                .as_ref()
                .map_or(&[][..], |previous| previous.as_slice());
            let keep = |found: &str| found == key;
            let indexes_comparable = KvListReader::comparable(&request.cursor, &answer);
            let reading = |indexes_comparable| KvListReader {
                previous,
                indexes_comparable,
                keep: &keep,
                asked: &asked,
            };
            let read = reading(indexes_comparable).read(&answer);
            let Readable {
                mut list,
                unreadable,
            } = read.map_err(failure)?;
            unreadable.report(&client, &path);
            let mut pair = list.pop();
            let mut rereads = 0;
            // A list omits what the token may not read. Boxed, because few keys need this.
            while pair.is_none() && is_list && !Box::pin(is_gone(&client, &options, &key)).await? {
                if rereads == MAX_REREADS {
                    return Err(Failure::new(FailureClass::Transient, Why::Present));
                }
                rereads += 1;
                let afresh = query.clone().resume_from(&Cursor::Start, client.config());
                answer = client.blocking_query(&afresh).await.map_err(failure)?;
                pair = reading(false).read(&answer).map_err(failure)?.list.pop();
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

    /// Returns the full key.
    pub(super) fn key(&self, source: &ConsulConfig) -> String {
        format!("{}{}", source.prefix(), self.name)
    }

    pub(super) fn options(&self) -> &QueryOptions {
        &self.options
    }
}

/// Returns whether a key that a list lacks is gone; `false` if Consul says that it exists.
async fn is_gone(
    client: &ConsulClient,
    options: &QueryOptions,
    key: &str,
) -> Result<bool, Failure> {
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

/// A key that cannot be part of a URL and that the token may not read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the token may not read the key {0:?}; check the token and its policies")]
struct HiddenKey(String);

/// The answer to one query for a key.
pub(super) struct Fetched {
    pub(super) answer: QueryAnswer,
    pub(super) pair: Option<Arc<KvPair>>,
    /// Whether it is the pair of the request.
    pub(super) same: bool,
}

impl ConsulQuery for Key {
    fn options(&self) -> &QueryOptions {
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
        // An empty name is an error of the key's own query, as one that Consul refuses.
        (!self.name.is_empty() && !KeyPath::may_be_refused(&self.name)).then_some(self)
    }
}

impl_query!(Key => Option<Arc<KvPair>>);
