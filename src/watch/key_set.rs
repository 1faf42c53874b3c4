//! Watches of several keys and prefixes as one value.

use std::{collections::BTreeMap, sync::Arc};

use consul_watch_actors::{Derived, Evaluation, Input, Inputs, Outcome, Query, WatchPath};

use super::{key::Key, key_prefix::KeyPrefix};
use crate::{client::ConsulConfig, kv::KvPair};

/// Watches several keys and prefixes as one value, with one message per change.
///
/// The value is all their pairs in the order of the keys, each key once. The first value follows the first
/// answer of the last member; the watch is [`Ready`](crate::Ready) then. Each member is a watch of its own
/// in [`Status`](crate::Status), shared with its other subscribers.
///
/// ```no_run
/// # use actix::prelude::*;
/// use consul_watch::{Changed, Key, KeyPrefix, KeySet, Watch};
///
/// # struct App;
/// # impl Actor for App { type Context = Context<Self>; }
/// impl Handler<Changed<KeySet>> for App {
///     type Result = ();
///     fn handle(&mut self, changed: Changed<KeySet>, _: &mut Self::Context) {
///         for change in changed.changes() { println!("{change}"); }
///     }
/// }
/// # async fn example(watches: Addr<consul_watch::WatchSupervisor>) -> Result<(), Box<dyn std::error::Error>> {
/// let set = KeySet::new().prefix(KeyPrefix::new("app")).key(Key::new("shared/limits"));
/// watches.send(Watch::new(set, App.start())).await??;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct KeySet {
    keys: Vec<Key>,
    prefixes: Vec<KeyPrefix>,
}

impl KeySet {
    /// Returns a set without members. Its value is empty at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key.
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.keys.push(key);
        self
    }

    /// Adds a prefix.
    #[must_use]
    pub fn prefix(mut self, prefix: KeyPrefix) -> Self {
        self.prefixes.push(prefix);
        self
    }
}

impl Query for KeySet {
    type Source = ConsulConfig;
    type Value = Vec<Arc<KvPair>>;

    fn path(&self) -> WatchPath {
        let members = self
            .prefixes
            .iter()
            .map(Query::path)
            .chain(self.keys.iter().map(Query::path));
        let members: Vec<_> = members.map(|path| path.to_string()).collect();
        WatchPath::new("keyset", members.join(","))
    }

    fn evaluation(&self) -> Evaluation<'_, Self> {
        Evaluation::Derived(self)
    }
}

impl Derived for KeySet {
    fn inputs(&self, _: &Inputs) -> Vec<Input<Self>> {
        let keys = self.keys.iter().cloned().map(Input::of);
        keys.chain(self.prefixes.iter().cloned().map(Input::of))
            .collect()
    }

    fn compute(
        &self,
        known: &Inputs,
        _: Option<&Vec<Arc<KvPair>>>,
    ) -> Option<Outcome<Vec<Arc<KvPair>>>> {
        let mut pairs: BTreeMap<&str, &Arc<KvPair>> = BTreeMap::new();
        let keys: Option<Vec<_>> = self.keys.iter().map(|key| known.get(key)).collect();
        let prefixes: Option<Vec<_>> = self
            .prefixes
            .iter()
            .map(|prefix| known.get(prefix))
            .collect();
        let (keys, prefixes) = (keys?, prefixes?);
        let found = keys
            .iter()
            .flat_map(|key| key.iter())
            .chain(prefixes.iter().flat_map(|prefix| prefix.iter()));
        for pair in found {
            // Overlapping members may differ for a moment: the newer pair counts.
            let known = pairs.entry(&pair.key).or_insert(pair);
            if known.modify_index < pair.modify_index {
                *known = pair;
            }
        }
        Some(Outcome::Value(pairs.into_values().cloned().collect()))
    }
}
