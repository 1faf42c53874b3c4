//! Entries whose identity is read although the rest of them cannot be.

use std::{borrow::Cow, collections::BTreeMap};

use consul_watch_actors::Item;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::{
    kv::KvPair,
    model::{HealthCheck, Node, ServiceEntry, UserEvent},
};

/// An entry whose identity can be read alone.
pub(super) trait Identified: Item + DeserializeOwned {
    /// Returns an entry with the identity of this JSON and no more; `None` if it cannot be read.
    fn identified(json: &str) -> Option<Self>;
}

/// The fields of an object, not decoded.
struct Fields<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Fields<'a> {
    fn of(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok().map(Self)
    }

    fn object(&self, name: &str) -> Option<Self> {
        Self::of(self.0.get(name)?.get())
    }

    /// Returns a text that is not empty.
    fn name(&self, name: &str) -> Option<String> {
        let text: String = serde_json::from_str(self.0.get(name)?.get()).ok()?;
        Some(text).filter(|text| !text.is_empty())
    }

    /// Returns a text that may be missing; `None` if it is there and no text.
    fn optional(&self, name: &str) -> Option<String> {
        match self.0.get(name) {
            Some(text) => serde_json::from_str(text.get()).ok(),
            None => Some(String::new()),
        }
    }
}

impl Identified for ServiceEntry {
    fn identified(json: &str) -> Option<Self> {
        let fields = Fields::of(json)?;
        let service = fields.object("Service")?;
        let mut entry = Self::default();
        entry.node.node = fields.object("Node")?.name("Node")?;
        entry.service.id = service.name("ID")?;
        entry.service.namespace = service.optional("Namespace")?;
        entry.service.partition = service.optional("Partition")?;
        entry.service.peer_name = service.optional("PeerName")?.into();
        Some(entry)
    }
}

impl Identified for Node {
    fn identified(json: &str) -> Option<Self> {
        let fields = Fields::of(json)?;
        Some(Self {
            node: fields.name("Node")?,
            partition: fields.optional("Partition")?,
            peer_name: fields.optional("PeerName")?,
            ..Self::default()
        })
    }
}

impl Identified for HealthCheck {
    fn identified(json: &str) -> Option<Self> {
        let fields = Fields::of(json)?;
        Some(Self {
            node: fields.name("Node")?,
            check_id: fields.name("CheckID")?,
            namespace: fields.optional("Namespace")?,
            partition: fields.optional("Partition")?,
            peer_name: fields.optional("PeerName")?,
            ..Self::default()
        })
    }
}

impl Identified for KvPair {
    fn identified(json: &str) -> Option<Self> {
        Some(Self {
            key: Fields::of(json)?.name("Key")?,
            ..Self::default()
        })
    }
}

/// A watch keeps all events that it has read, so one that cannot be read is always new.
impl Identified for UserEvent {
    fn identified(json: &str) -> Option<Self> {
        let fields = Fields::of(json)?;
        Some(Self {
            id: fields.name("ID")?,
            name: fields.optional("Name")?,
            ..Self::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_alone_is_read() {
        let json = r#"{"Service":{"ID":"w","Port":"x","Namespace":"s","PeerName":"p"},"Node":{"Node":"n","Meta":3},"Checks":{}}"#;
        let entry = ServiceEntry::identified(json).unwrap();
        assert_eq!(entry.id(), ("n", "w", "s", "", "p"));
        assert_eq!(entry.name(), "w on n");
        for json in [
            "3",
            "null",
            r#"{"Node":{"Node":"n"},"Service":{"ID":""}}"#,
            r#"{"Node":{"Node":[]},"Service":{"ID":"w"}}"#,
            r#"{"Node":{"Node":"n"},"Service":{"ID":"w","Namespace":1}}"#,
        ] {
            assert!(ServiceEntry::identified(json).is_none(), "{json}");
        }
        let json = r#"{"Node":"n","CheckID":"c","Status":[]}"#;
        assert_eq!(
            HealthCheck::identified(json).unwrap().id(),
            ("n", "c", "", "", "")
        );
    }
}
