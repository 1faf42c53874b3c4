//! Entries of Consul and of watches, in names and values that both have in common.
//!
//! A key is named as in Consul. The catalog's names are `node/N`, `instance/N/ID`, `check/N/ID` and `service/NAME`;
//! `passing/N/ID` is an instance whose checks all pass, `critical/N/ID` a check that is critical. An entry that a
//! watch marks as hidden is there like any other.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use consul_watch::KvPair;
use consul_watch::model::{CheckStatus, HealthCheck, Node, ServiceEntry, ServiceTags};

/// The entries, by name.
pub(crate) type State = BTreeMap<String, Entry>;

/// An entry of a state.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The index of a key's creation; 0 for what has none.
    pub(crate) created: u64,
    /// Begins with the time at which it was written; see [`History`](crate::history::History).
    pub(crate) value: Vec<u8>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = String::from_utf8_lossy(&self.value);
        write!(f, "{value:.40} at {}", self.created)
    }
}

/// The metadata that holds a node's or an instance's value.
pub(crate) const META: &str = "torture";

/// Returns the kind of a named thing.
pub(crate) fn kind(name: &str) -> &'static str {
    match name.split_once('/') {
        Some(("node", _)) => "node",
        Some(("instance", _)) => "instance",
        Some(("passing", _)) => "passing instance",
        Some(("check", _)) => "check",
        Some(("critical", _)) => "critical check",
        Some(("service", _)) => "service",
        _ => "key",
    }
}

/// Whether the test wrote what has this name, and not Consul itself.
pub(crate) fn is_ours(name: &str) -> bool {
    name.contains("torture")
}

pub(crate) fn pairs(pairs: &[Arc<KvPair>]) -> State {
    let entry = |pair: &Arc<KvPair>| {
        let value = pair.value.as_deref().unwrap_or_default().to_vec();
        let created = pair.create_index;
        (pair.key.clone(), Entry { created, value })
    };
    pairs.iter().map(entry).collect()
}

pub(crate) fn nodes(nodes: &[Arc<Node>]) -> State {
    nodes
        .iter()
        .map(|node| (format!("node/{}", node.node), entry(node_value(node))))
        .collect()
}

/// The instances as `instance/…`, or as another kind.
pub(crate) fn instances<'a>(
    kind: &str,
    entries: impl IntoIterator<Item = &'a Arc<ServiceEntry>>,
) -> State {
    let instance = |entry: &'a Arc<ServiceEntry>| {
        let service = &entry.service;
        let mut checks: Vec<_> = entry.checks.iter().map(check_value).collect();
        checks.sort();
        let own = service.meta.get(META).map_or("", String::as_str);
        let value = format!("{own} on {}: {checks:?}", node_value(&entry.node));
        let name = format!("{kind}/{}/{}", entry.node.node, service.id);
        (name, self::entry(value))
    };
    entries.into_iter().map(instance).collect()
}

pub(crate) fn passes(entry: &ServiceEntry) -> bool {
    let mut checks = entry.checks.iter();
    checks.all(|check| check.status == CheckStatus::Passing)
}

/// The checks as `check/…`, or as another kind.
pub(crate) fn checks<'a>(
    kind: &str,
    checks: impl IntoIterator<Item = &'a Arc<HealthCheck>>,
) -> State {
    let check = |check: &'a Arc<HealthCheck>| {
        let name = format!("{kind}/{}/{}", check.node, check.check_id);
        (name, entry(check_value(check)))
    };
    checks.into_iter().map(check).collect()
}

pub(crate) fn services(services: &[Arc<ServiceTags>]) -> State {
    let service = |service: &Arc<ServiceTags>| {
        let mut tags: Vec<_> = service.tags.iter().map(String::as_str).collect();
        // The latest first, by which the value is as old as its youngest part.
        tags.sort_by_key(|tag| std::cmp::Reverse(tag.parse::<u64>().unwrap_or_default()));
        let value = format!("{} ", tags.join(" "));
        (format!("service/{}", service.name), entry(value))
    };
    services.iter().map(service).collect()
}

fn node_value(node: &Node) -> String {
    let own = || format!("{} {:?}", node.address, node.meta);
    node.meta.get(META).cloned().unwrap_or_else(own)
}

fn check_value(check: &HealthCheck) -> String {
    let (output, status, tags) = (&check.output, &check.status, &*check.service_tags);
    format!("{output} {status} {tags:?}")
}

fn entry(value: String) -> Entry {
    Entry {
        created: 0,
        value: value.into_bytes(),
    }
}
