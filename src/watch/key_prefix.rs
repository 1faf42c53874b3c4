//! Watches of the keys with a prefix.

use std::sync::Arc;

use consul_watch_actors::{Request, SharedBy, WatchPath};

use super::{
    consul_query::{Answering, ConsulQuery, ask, ask_afresh, impl_query, unless_same},
    first_answer::FirstList,
    hidden::wait_while_hidden,
    kv_list::{AskedKeys, KvListReader},
    kv_proof::ask_one,
    kv_removals::{KvListQuery, Settled},
    query_options::{QueryOptions, option_setters},
    source::{by_index_if_settled, failure},
};
use crate::{
    client::{ConsulClient, ConsulConfig, KeyPath, QueryRequest},
    kv::{Folder, KvPair},
};

/// Watches all keys of a folder, or with a prefix: Consul's watch type `keyprefix`
/// (<https://developer.hashicorp.com/consul/api-docs/kv#read-key>).
///
/// The value is the list of pairs in the order of their keys, empty if there are none. [`changes`] lists the
/// added, updated and removed pairs; [`Key`](super::Key) says what counts as a change. A key that the token
/// may no longer read keeps its last value, see [`hidden_since`](KvPair::hidden_since).
///
/// The name is relative to the configuration's prefix; the keys of the pairs are Consul's full keys.
///
/// ```no_run
/// use actix::prelude::*;
/// use consul_watch::{Changed, ConsulConfig, KeyPrefix, Watch, WatchSupervisor};
///
/// struct App;
/// impl Actor for App { type Context = Context<Self>; }
/// impl Handler<Changed<KeyPrefix>> for App {
///     type Result = ();
///     fn handle(&mut self, changed: Changed<KeyPrefix>, _: &mut Self::Context) {
///         for change in changed.changes() { println!("{change}"); }
///     }
/// }
///
/// # #[actix::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let consul = ConsulConfig::from_env()?.with_prefix("kvTest");
/// let watches = WatchSupervisor::new(consul).start();
/// watches.send(Watch::new(KeyPrefix::new("test"), App.start().recipient())).await??;
/// # Ok(())
/// # }
/// ```
///
/// [`changes`]: crate::Changed::changes
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyPrefix {
    name: String,
    raw: bool,
    options: QueryOptions,
}

impl KeyPrefix {
    /// Watches the folder `name/` and the key `name` itself: `test` matches `test` and `test/a`, not `test2`.
    ///
    /// A name with a slash at its end is the folder alone. An empty name is every key with the
    /// configuration's prefix.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            raw: false,
            options: QueryOptions::default(),
        }
    }

    /// Watches every key that begins with this text, as Consul itself defines a prefix: `test` matches `test`,
    /// `test/a` and `test2`.
    pub fn raw(prefix: impl Into<String>) -> Self {
        Self {
            name: prefix.into(),
            raw: true,
            options: QueryOptions::default(),
        }
    }

    /// Returns the name, without the configuration's prefix.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the folder without the key of its own name.
    pub(super) fn into_folder(mut self) -> Self {
        if !self.name.is_empty() && !self.name.ends_with('/') {
            self.name.push('/');
        }
        self.raw = false;
        self
    }

    /// Returns the full prefix.
    pub(super) fn full_prefix(&self, source: &ConsulConfig) -> String {
        format!("{}{}", source.prefix(), self.name)
    }

    pub(super) fn with(name: impl Into<String>, raw: bool, options: QueryOptions) -> Self {
        Self {
            name: name.into(),
            raw,
            options,
        }
    }

    pub(super) fn options(&self) -> &QueryOptions {
        &self.options
    }

    /// Returns a function that tests whether a key belongs to the watch, given the full prefix.
    pub(super) fn matcher(&self, full_prefix: &str) -> impl Fn(&str) -> bool + use<> {
        let folder = (!self.raw).then(|| Folder::new(full_prefix));
        let full_prefix = full_prefix.to_owned();
        move |key| {
            folder
                .as_ref()
                .map_or_else(|| key.starts_with(&full_prefix), |folder| folder.has(key))
        }
    }

    option_setters!();
    option_setters!(without_hidden);
}

impl ConsulQuery for KeyPrefix {
    fn options(&self) -> &QueryOptions {
        &self.options
    }

    fn watch_path(&self) -> WatchPath {
        let path = WatchPath::new("keyprefix", &*self.name);
        self.options
            .describe(if self.raw { path.option("raw") } else { path })
    }

    fn ask(&self, client: &ConsulClient, request: Request<Self::Value>) -> Answering<Self::Value> {
        let client = client.clone();
        let full_prefix = self.full_prefix(client.config());
        // A raw prefix that cannot be part of a URL is queried by a shorter one.
        let keep = self.matcher(&full_prefix);
        let options = self.options.clone();
        let path = self.watch_path();
        let prefix = KeyPath::of_prefix(&full_prefix);
        let asked_keys = AskedKeys::Prefix(prefix.asked());
        let query = options
            .apply(QueryRequest::new(prefix.path()).with_param("recurse", ""))
            .accept_404(true);
        Box::pin(async move {
            let Request {
                cursor,
                previous,
                unproven,
                ..
            } = request;
            let known = previous.as_deref().map_or(&[][..], Vec::as_slice);
            let hidden = known.iter().map(|pair| pair.hidden_since);
            let wait = wait_while_hidden(hidden, unproven, options.wait(client.config()));
            let mut asked = query.clone();
            if let Some(wait) = wait {
                asked = asked.with_wait(wait);
            }
            let (answer, is_fresh) = ask(&client, asked, &cursor).await?;
            let list = KvListQuery {
                client: &client,
                options: &options,
                path: &path,
                query: &query,
                previous: known,
                keep: &keep,
                asked: &asked_keys,
            };
            let indexes_comparable = KvListReader::comparable(&cursor, &answer);
            let pairs = list.read(&answer, indexes_comparable).map_err(failure)?;
            // Boxed, so that the requests take no space in queries where no key is missing.
            let Settled {
                answer,
                pairs,
                unsettled,
            } = Box::pin(list.settle(answer, pairs)).await;
            if wait.is_some() {
                list.report_shown(&pairs);
            }
            let same = previous.is_some()
                && pairs.len() == known.len()
                && pairs
                    .iter()
                    .zip(known)
                    .all(|(new, old)| Arc::ptr_eq(new, old));
            let is_empty = pairs.is_empty() && known.is_empty();
            let (answer, outcome) = if is_empty && (unproven || previous.is_none()) {
                let name = first_key(&full_prefix);
                let afresh = async || {
                    let answer = ask_afresh(&client, query.clone()).await?;
                    let pairs = list.read(&answer, false).map_err(failure)?;
                    Ok((answer, pairs))
                };
                let right = Some(ask_one(&client, &options, name));
                let first = FirstList::prove(answer, is_fresh, false, afresh, right);
                Box::pin(first).await.outcome(&path, previous.is_none())
            } else {
                (answer, unless_same(pairs, same))
            };
            by_index_if_settled(&answer, outcome, unsettled, same)
        })
    }

    fn proves_removals(&self) -> bool {
        !self.options.drops_hidden()
    }

    fn sharing(&self) -> Option<&dyn SharedBy<Self>> {
        (!KeyPath::may_be_refused(&self.name)).then_some(self)
    }
}

/// Returns the key whose right says whether a prefix may be read: the prefix itself. No key is empty.
fn first_key(full_prefix: &str) -> &str {
    if full_prefix.is_empty() {
        "/"
    } else {
        full_prefix
    }
}

impl_query!(KeyPrefix => Vec<Arc<KvPair>>);

#[cfg(test)]
mod tests {
    use consul_watch_actors::Query as _;

    use super::*;

    #[test]
    fn a_raw_prefix_is_another_watch_of_another_name() {
        assert_ne!(KeyPrefix::new("a"), KeyPrefix::raw("a"));
        assert_eq!(KeyPrefix::new("a").path().to_string(), "keyprefix:a");
        assert_eq!(
            KeyPrefix::raw("a").with_datacenter("x").path().to_string(),
            "keyprefix:a?raw&dc=x"
        );
    }
}
