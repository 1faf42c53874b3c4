//! One instance of a service, with its node and its checks.

use std::fmt;

use consul_watch_actors::Item;

use super::{
    check::{CheckStatus, HealthCheck},
    instance::{ServiceAddress, ServiceInstance},
    node::Node,
    record::{Identity, Nullable, record},
};

record! {
    /// An instance of a service, with the node it runs on and the checks of both ("Health HTTP Endpoint",
    /// "List Service Instances for Service"). It is identified by its node and its id.
    #[derive(Debug)]
    ServiceEntry {
        /// The node.
        node: Node = "Node" required,
        /// The instance.
        service: ServiceInstance = "Service" required,
        /// Its checks, and its node's.
        checks: Nullable<Vec<HealthCheck>> = "Checks" nullable,
    }
}

/// Where an instance can be reached, and its tags: what is left of a [`ServiceEntry`] for one that only
/// wants to know whom to talk to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Endpoint {
    /// The instance's own address, or its node's.
    pub address: String,
    /// Its port.
    pub port: i64,
    /// Its Unix socket; empty for none.
    pub socket_path: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its other addresses, by name.
    pub tagged_addresses: Vec<(String, ServiceAddress)>,
}

/// Prints as `address:port`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let brackets = self.address.contains(':');
        let (open, close) = if brackets { ("[", "]") } else { ("", "") };
        write!(f, "{open}{}{close}:{}", self.address, self.port)
    }
}

impl ServiceEntry {
    /// Its addresses and tags, without its health.
    ///
    /// To hear of a service only when these change: `Watch::new(…).project(ServiceEntry::endpoint)`.
    pub fn endpoint(&self) -> Endpoint {
        let own = &self.service;
        let tagged = own.tagged_addresses.iter();
        Endpoint {
            address: if own.address.is_empty() {
                self.node.address.clone()
            } else {
                own.address.clone()
            },
            port: own.port,
            socket_path: own.socket_path.clone(),
            tags: own.tags.to_vec(),
            tagged_addresses: tagged
                .map(|(name, address)| (name.clone(), address.clone()))
                .collect(),
        }
    }

    /// How it is doing: the worst of its checks, passing when it has none. Maintenance is worse than
    /// critical.
    ///
    /// To hear of a service only when this changes: `Watch::new(…).project(ServiceEntry::health)`.
    pub fn health(&self) -> CheckStatus {
        self.checks
            .iter()
            .map(HealthCheck::health)
            .max_by_key(CheckStatus::badness)
            .unwrap_or(CheckStatus::Passing)
    }

    /// The checks, in whatever order they come, hold the same.
    fn same_checks(&self, other: &Self) -> bool {
        let (ours, theirs) = (&*self.checks, &*other.checks);
        if ours.len() != theirs.len() {
            return false;
        }
        if ours.iter().zip(theirs).all(|(a, b)| a.alike(b)) {
            return true;
        }
        let sorted = |checks: &[HealthCheck]| {
            let mut order: Vec<usize> = (0..checks.len()).collect();
            order.sort_by(|a, b| checks[*a].id().cmp(&checks[*b].id()));
            order
        };
        sorted(ours)
            .into_iter()
            .zip(sorted(theirs))
            .all(|(a, b)| ours[a].alike(&theirs[b]))
    }
}

impl Identity for Node {
    fn is_missing(&self) -> bool {
        self.node.is_empty()
    }
}

impl Identity for ServiceInstance {
    fn is_missing(&self) -> bool {
        self.id.is_empty()
    }
}

/// Node and service id; with namespaces, the namespace too.
impl Item for ServiceEntry {
    type Id<'a> = (&'a str, &'a str, &'a str);

    fn id(&self) -> Self::Id<'_> {
        (&self.node.node, &self.service.id, &self.service.namespace)
    }

    fn same(&self, other: &Self) -> bool {
        self.node.alike(&other.node)
            && self.service.alike(&other.service)
            && self.same_checks(other)
            && self.extra == other.extra
    }
}

/// Its id, its node, where it is and how it is doing.
impl fmt::Display for ServiceEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} on {} at {} is {}",
            self.service.id,
            self.node.node,
            self.endpoint(),
            self.health()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(checks: &[(&str, &str, u64)]) -> ServiceEntry {
        let checks: Vec<_> = checks
            .iter()
            .map(|(id, status, index)| {
                format!(
                    r#"{{"Node":"n","CheckID":"{id}","Status":"{status}","ModifyIndex":{index}}}"#
                )
            })
            .collect();
        let text = format!(
            r#"{{"Node":{{"Node":"n","Address":"10.0.0.1"}},"Service":{{"ID":"web1","Port":80}},"Checks":[{}]}}"#,
            checks.join(",")
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_worst_check_tells_how_it_is_doing() {
        assert_eq!(entry(&[]).health(), CheckStatus::Passing);
        assert_eq!(
            entry(&[("a", "passing", 1), ("b", "warning", 1)]).health(),
            CheckStatus::Warning
        );
        assert_eq!(
            entry(&[("a", "critical", 1), ("b", "warning", 1)]).health(),
            CheckStatus::Critical
        );
        let unknown = entry(&[("a", "critical", 1), ("b", "odd", 1)]).health();
        assert_eq!(unknown, CheckStatus::Other("odd".into()));
        let out = entry(&[
            ("a", "odd", 1),
            ("_service_maintenance:web1", "critical", 1),
        ]);
        assert_eq!(out.health(), CheckStatus::Maintenance);
        assert_eq!(
            entry(&[("_node_maintenance", "critical", 1)]).health(),
            CheckStatus::Maintenance
        );
    }

    #[test]
    fn an_index_or_another_order_is_no_difference() {
        let old = entry(&[("a", "passing", 1), ("b", "passing", 2)]);
        assert!(old.same(&entry(&[("b", "passing", 7), ("a", "passing", 9)])));
        assert!(!old.same(&entry(&[("b", "passing", 7), ("a", "critical", 1)])));
        assert!(!old.same(&entry(&[("a", "passing", 1)])));
    }

    #[test]
    fn an_instance_without_an_address_is_at_its_nodes() {
        let mut entry = entry(&[]);
        assert_eq!(entry.endpoint().to_string(), "10.0.0.1:80");
        entry.service.address = "::1".to_owned();
        assert_eq!(entry.endpoint().to_string(), "[::1]:80");
    }

    #[test]
    fn an_entry_without_its_identity_is_refused() {
        for text in [
            r#"{"Node":{"Node":"n"},"Service":{},"Checks":[]}"#,
            r#"{"Node":{"Node":"n"}}"#,
        ] {
            assert!(serde_json::from_str::<ServiceEntry>(text).is_err());
        }
    }
}
