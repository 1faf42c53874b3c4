//! Entries of catalog and health lists, as a proof of their absence asks for them.

use std::{sync::Arc, time::SystemTime};

use consul_watch_actors::Item;

use crate::model::{HealthCheck, Node, ServiceEntry, ServiceTags};

/// An entry of a catalog or health list.
pub(super) trait CatalogItem: Item + PartialEq + Clone {
    /// Returns what decides whether the entry is gone.
    fn subject(&self) -> Subject<'_>;

    /// Returns the mark that the token may no longer read it.
    fn hidden_since_mut(&mut self) -> &mut Option<SystemTime>;

    /// Returns a copy that is marked as hidden since then.
    fn hidden(&self, since: SystemTime) -> Self {
        let mut hidden = self.clone();
        *hidden.hidden_since_mut() = Some(since);
        hidden
    }
}

/// The object of an entry, and the names whose rights decide whether the token may read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subject<'a> {
    /// The node, whose right is needed.
    pub(super) node: Option<&'a str>,
    /// The name of the service, whose right is needed.
    pub(super) service: Option<&'a str>,
    pub(super) object: Object<'a>,
    pub(super) namespace: &'a str,
}

/// The object that a transaction can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object<'a> {
    /// The node itself.
    Node,
    /// The instance of a service with this id on the node.
    Instance(&'a str),
    /// The check with this id on the node.
    Check(&'a str),
    /// A service as a whole, of which Consul has no object.
    Service,
}

impl CatalogItem for ServiceEntry {
    fn subject(&self) -> Subject<'_> {
        Subject {
            node: Some(&self.node.node),
            service: Some(&self.service.service),
            object: Object::Instance(&self.service.id),
            namespace: &self.service.namespace,
        }
    }

    fn hidden_since_mut(&mut self) -> &mut Option<SystemTime> {
        &mut self.hidden_since
    }
}

impl CatalogItem for Node {
    fn subject(&self) -> Subject<'_> {
        Subject {
            node: Some(&self.node),
            service: None,
            object: Object::Node,
            namespace: "",
        }
    }

    fn hidden_since_mut(&mut self) -> &mut Option<SystemTime> {
        &mut self.hidden_since
    }
}

impl CatalogItem for HealthCheck {
    fn subject(&self) -> Subject<'_> {
        Subject {
            node: Some(&self.node),
            service: Some(&*self.service_name).filter(|name| !name.is_empty()),
            object: Object::Check(&self.check_id),
            namespace: &self.namespace,
        }
    }

    fn hidden_since_mut(&mut self) -> &mut Option<SystemTime> {
        &mut self.hidden_since
    }
}

impl CatalogItem for ServiceTags {
    fn subject(&self) -> Subject<'_> {
        Subject {
            node: None,
            service: Some(&self.name),
            object: Object::Service,
            namespace: "",
        }
    }

    fn hidden_since_mut(&mut self) -> &mut Option<SystemTime> {
        &mut self.hidden_since
    }
}

/// Returns the positions of the entries of `previous` that `list` lacks, in any order of both.
pub(super) fn missing<T: Item>(previous: &[Arc<T>], list: &[Arc<T>]) -> Vec<usize> {
    let in_step = previous
        .iter()
        .zip(list)
        .take_while(|(old, new)| old.id() == new.id())
        .count();
    if in_step == previous.len() {
        return Vec::new();
    }
    let mut there: Vec<_> = list[in_step..].iter().map(|entry| entry.id()).collect();
    there.sort_unstable();
    let is_missing = |at: &usize| there.binary_search(&previous[*at].id()).is_err();
    (in_step..previous.len()).filter(is_missing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(names: &[&str]) -> Vec<Arc<Node>> {
        let node = |name: &&str| {
            let mut node = Node::default();
            (*name).clone_into(&mut node.node);
            Arc::new(node)
        };
        names.iter().map(node).collect()
    }

    #[test]
    fn entries_are_missing_in_any_order() {
        let old = nodes(&["a", "b", "c"]);
        assert!(missing(&old, &nodes(&["c", "b", "x", "a"])).is_empty());
        assert!(missing(&old, &nodes(&["a", "b", "c", "d"])).is_empty());
        assert_eq!(missing(&old, &nodes(&["a", "c"])), [1]);
        assert_eq!(missing(&old, &nodes(&["d", "b"])), [0, 2]);
        assert_eq!(missing(&old, &[]), [0, 1, 2]);
        assert!(missing::<Node>(&[], &old).is_empty());
    }

    #[test]
    fn a_mark_is_no_content_and_no_json() {
        let node = Node::default();
        let hidden = node.hidden(SystemTime::now());
        assert!(node.content_eq(&hidden) && node != hidden);
        let json = |node: &Node| serde_json::to_string(node).unwrap();
        assert_eq!(json(&node), json(&hidden));
    }
}
