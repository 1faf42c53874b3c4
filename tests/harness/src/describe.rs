//! Changes in words, so that a test reads as what it expects.

use std::collections::BTreeMap;

use consul_watch::actors::Query;
use consul_watch::model::{
    CaRoot, HealthCheck, LeafCert, Node, ServiceEntry, ServiceInstance, ServiceTags, UserEvent,
};
use consul_watch::{Change, Changed, Item, KvPair, Snapshot};

/// Longer values are described by their length.
const MAX_SHOWN: usize = 60;

/// An item whose changes have words.
pub trait Describe: Item + Sized {
    /// Returns a change in words, such as `updated a=1→2`.
    fn describe(change: &Change<Self>) -> String;
}

/// `added a=1`, `updated a=1→2`, `removed a=2`.
impl Describe for KvPair {
    fn describe(change: &Change<Self>) -> String {
        let key = &change.item().key;
        match change {
            Change::Added(new) => format!("added {key}={}", text(new)),
            Change::Updated { old, new } => format!("updated {key}={}→{}", text(old), text(new)),
            Change::Removed(old) => format!("removed {key}={}", text(old)),
            other => panic!("a kind of change that the tests do not know: {other:?}"),
        }
    }
}

macro_rules! describe_as_displayed {
    ($($item:ty),+) => {
        $(impl Describe for $item {
            fn describe(change: &Change<Self>) -> String {
                change.to_string()
            }
        })+
    };
}

describe_as_displayed!(
    CaRoot,
    HealthCheck,
    LeafCert,
    Node,
    ServiceEntry,
    ServiceInstance,
    ServiceTags,
    UserEvent
);

/// Returns the changes of a delivery in words.
pub fn described<Q: Query<Value: Snapshot<Item: Describe>>>(changed: &Changed<Q>) -> Vec<String> {
    changed.changes().iter().map(Describe::describe).collect()
}

/// Returns a pair's value as text, or its length if it is long.
pub fn text(pair: &KvPair) -> String {
    let value = pair.value.as_deref().unwrap_or_default();
    if value.len() > MAX_SHOWN {
        format!("({} bytes)", value.len())
    } else {
        String::from_utf8_lossy(value).into_owned()
    }
}

/// Returns the values by their keys.
pub fn state<S: Snapshot<Item = KvPair>>(snapshot: &S) -> BTreeMap<String, Vec<u8>> {
    snapshot
        .items()
        .iter()
        .map(|pair| {
            (
                pair.key.clone(),
                pair.value.as_deref().unwrap_or_default().to_vec(),
            )
        })
        .collect()
}
