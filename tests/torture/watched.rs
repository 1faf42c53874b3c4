//! The queries that are watched, and the part of Consul's state that each has to show.

use consul_watch::actors::Query;
use consul_watch::watch::DecodedPrefix;
use consul_watch::{ConsulConfig, Item, Key, KeyPrefix, KvPair, Snapshot, View};

use crate::state::{Entry, State, pairs};
use crate::user_code::{DecodedFolder, DerivedFolder, UserCode};
use crate::writer::ROOT;

/// A query whose deliveries are checked, whatever its value makes of Consul's entries.
pub(crate) trait Watched: Query<Source = ConsulConfig> + Clone {
    /// Returns the entries of a value.
    fn state(&self, value: &Self::Value) -> State;

    /// Whether the query shows the entry of this name.
    fn shows(&self, name: &str) -> bool;

    /// Returns what the query has to show of these entries, of which it shows each.
    fn expected(&self, consul: State) -> State {
        consul
    }

    /// Whether one round of writes to everything changes what it shows once, and nothing else does.
    fn changes_once(&self) -> bool {
        true
    }

    /// A view that panics at random and compares as the default one.
    fn equality_that_panics() -> View<<Self::Value as Snapshot>::Item> {
        type Item<Q> = <<Q as Query>::Value as Snapshot>::Item;
        View::default().with_equality(|one: &Item<Self>, other: &Item<Self>| {
            UserCode::Equality.run();
            one.content_eq(other)
        })
    }

    /// A projection that panics at random and compares as the default view.
    fn projection_that_panics() -> View<<Self::Value as Snapshot>::Item> {
        Self::equality_that_panics()
    }
}

impl Watched for Key {
    fn state(&self, value: &Self::Value) -> State {
        pairs(value.items())
    }

    fn shows(&self, name: &str) -> bool {
        name == self.name()
    }

    fn projection_that_panics() -> View<KvPair> {
        projection()
    }
}

impl Watched for KeyPrefix {
    fn state(&self, value: &Self::Value) -> State {
        pairs(value)
    }

    fn shows(&self, name: &str) -> bool {
        is_below(name, self.name())
    }

    fn changes_once(&self) -> bool {
        self.name().trim_end_matches('/') != ROOT
    }

    fn projection_that_panics() -> View<KvPair> {
        projection()
    }
}

impl Watched for DerivedFolder {
    fn state(&self, value: &Self::Value) -> State {
        pairs(value)
    }

    fn shows(&self, name: &str) -> bool {
        self.0.shows(name)
    }
}

/// A decoded entry has no index of creation.
impl Watched for DecodedPrefix<DecodedFolder> {
    fn state(&self, value: &Self::Value) -> State {
        let path = self.path().name().trim_end_matches('/').to_owned();
        let entry = |value: &crate::user_code::Decoded| Entry {
            created: 0,
            value: value.bytes(),
        };
        let value = value.iter();
        value
            .map(|(name, value)| (format!("{path}/{name}"), entry(value)))
            .collect()
    }

    fn shows(&self, name: &str) -> bool {
        is_below(name, self.path().name())
    }

    fn expected(&self, mut consul: State) -> State {
        for entry in consul.values_mut() {
            entry.created = 0;
        }
        consul
    }
}

/// Whether a key is in this folder.
fn is_below(key: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    key.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/'))
}

fn projection() -> View<KvPair> {
    View::default().project(|pair: &KvPair| {
        UserCode::Projection.run();
        (pair.create_index, pair.value.clone())
    })
}
