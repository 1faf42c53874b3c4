//! Instances of a service, with their nodes and checks.

use std::{borrow::Cow, fmt, time::SystemTime};

use consul_watch_actors::Item;

use super::{
    check::{CheckStatus, HealthCheck},
    instance::{ServiceAddress, ServiceInstance, ServicePort},
    node::Node,
    record::{Identity, Nullable, record},
};

record! {
    /// An instance of a service, with its node and the checks of both
    /// (<https://developer.hashicorp.com/consul/api-docs/health#list-service-instances-for-service>), identified by
    /// its node, its id, its namespace, its partition and its peer.
    #[derive(Debug)]
    ServiceEntry {
        /// The node.
        node: Node = "Node" required,
        /// The instance.
        service: ServiceInstance = "Service" required,
        /// The checks of the instance and of its node.
        checks: Nullable<Vec<HealthCheck>> = "Checks" nullable,
    }
    with {
        /// Since when the token may no longer read the instance; `None` where it may. A watch keeps the last value of
        /// it, which may have changed since. It is no part of the JSON.
        hidden_since: Option<SystemTime>,
    }
}

/// The addresses and tags of an instance: the part of a [`ServiceEntry`] that a client needs to connect.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Endpoint {
    /// The address of the instance, otherwise of its node.
    pub address: String,
    /// The port; the default one if there are several.
    pub port: i64,
    /// The ports by name, if there are several (Consul 1.22 and later).
    pub ports: Vec<ServicePort>,
    /// The Unix socket; empty for none.
    pub socket_path: String,
    /// The tags.
    pub tags: Vec<String>,
    /// The other addresses, by name.
    pub tagged_addresses: Vec<(String, ServiceAddress)>,
}

/// Displays `address:port`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let brackets = self.address.contains(':');
        let (open, close) = if brackets { ("[", "]") } else { ("", "") };
        write!(f, "{open}{}{close}:{}", self.address, self.port)
    }
}

impl ServiceEntry {
    /// Returns the addresses and tags, without the health.
    ///
    /// `Watch::new(…).project(ServiceEntry::endpoint)` delivers changes of these alone.
    pub fn endpoint(&self) -> Endpoint {
        let own = &self.service;
        let tagged = own.tagged_addresses.iter();
        Endpoint {
            address: if own.address.is_empty() {
                self.node.address.clone()
            } else {
                own.address.clone()
            },
            port: *own.port,
            ports: own.ports.to_vec(),
            socket_path: own.socket_path.clone(),
            tags: own.tags.to_vec(),
            tagged_addresses: tagged
                .map(|(name, address)| (name.clone(), address.clone()))
                .collect(),
        }
    }

    /// Returns the worst status of its checks; passing if it has none. Maintenance is worse than critical.
    ///
    /// `Watch::new(…).project(ServiceEntry::health)` delivers changes of this status alone.
    pub fn health(&self) -> CheckStatus {
        self.checks
            .iter()
            .map(HealthCheck::health)
            .max_by_key(CheckStatus::badness)
            .unwrap_or(CheckStatus::Passing)
    }

    /// Returns whether the checks are equal in any order.
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

/// The node, the id, the namespace, the partition and the cluster peer.
impl Item for ServiceEntry {
    type Id<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

    fn id(&self) -> Self::Id<'_> {
        (
            &self.node.node,
            &self.service.id,
            &self.service.namespace,
            &self.service.partition,
            &self.service.peer_name,
        )
    }

    fn content_eq(&self, other: &Self) -> bool {
        self.node.alike(&other.node)
            && self.service.alike(&other.service)
            && self.same_checks(other)
            && self.extra == other.extra
    }

    fn hidden_since(&self) -> Option<SystemTime> {
        self.hidden_since
    }

    fn name(&self) -> Cow<'_, str> {
        format!("{} on {}", self.service.id, self.node.node).into()
    }
}

/// Displays the id, the node, the address and the status.
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
    fn the_health_is_that_of_the_worst_check() {
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
    fn indexes_and_the_order_of_checks_are_no_difference() {
        let old = entry(&[("a", "passing", 1), ("b", "passing", 2)]);
        assert!(old.content_eq(&entry(&[("b", "passing", 7), ("a", "passing", 9)])));
        assert!(!old.content_eq(&entry(&[("b", "passing", 7), ("a", "critical", 1)])));
        assert!(!old.content_eq(&entry(&[("a", "passing", 1)])));
    }

    #[test]
    fn an_instance_without_an_address_has_that_of_its_node() {
        let mut entry = entry(&[]);
        assert_eq!(entry.endpoint().to_string(), "10.0.0.1:80");
        entry.service.address = "::1".to_owned();
        assert_eq!(entry.endpoint().to_string(), "[::1]:80");
    }

    #[test]
    fn a_change_of_any_named_port_changes_the_endpoint() {
        let of = |metrics: u16| -> ServiceEntry {
            serde_json::from_str(&format!(
                r#"{{"Node":{{"Node":"n"}},"Service":{{"ID":"web1","Port":80,"Ports":[{{"Name":"http","Port":80,"Default":true}},{{"Name":"metrics","Port":{metrics},"Default":false}}]}}}}"#,
            ))
            .unwrap()
        };
        assert_eq!(of(81).endpoint(), of(81).endpoint());
        assert_ne!(of(81).endpoint(), of(82).endpoint());
        assert_eq!(of(81).endpoint().ports[1].name, "metrics");
    }

    #[test]
    fn the_same_instance_of_another_peer_or_partition_is_another_entry() {
        let of = |field: &str| -> ServiceEntry {
            let text = format!(r#"{{"Node":{{"Node":"n"}},"Service":{{"ID":"web1"{field}}}}}"#);
            serde_json::from_str(&text).unwrap()
        };
        let entries = [
            of(""),
            of(r#","PeerName":"west""#),
            of(r#","Partition":"b""#),
            of(r#","Namespace":"b""#),
        ];
        for (at, one) in entries.iter().enumerate() {
            for other in &entries[at + 1..] {
                assert_ne!(one.id(), other.id());
            }
        }
        assert_eq!(of("").id(), of(r#","PeerName":"""#).id());
    }

    #[test]
    fn an_entry_without_its_identity_is_an_error() {
        for text in [
            r#"{"Node":{"Node":"n"},"Service":{},"Checks":[]}"#,
            r#"{"Node":{"Node":"n"}}"#,
        ] {
            assert!(serde_json::from_str::<ServiceEntry>(text).is_err());
        }
    }
}
