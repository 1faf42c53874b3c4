//! Nodes of the catalog.

use std::{borrow::Cow, collections::BTreeMap, fmt, time::SystemTime};

use consul_watch_actors::Item;

use super::record::{Nullable, record};

record! {
    /// A node (<https://developer.hashicorp.com/consul/api-docs/catalog#list-nodes>), identified by
    /// its name, its partition and its peer.
    #[derive(Debug)]
    Node {
        /// The UUID; empty if it was registered without one.
        id: String = "ID" always,
        /// The name, unique within its datacenter and partition.
        node: String = "Node" required,
        /// The address.
        address: String = "Address" always,
        /// The datacenter.
        datacenter: String = "Datacenter" always,
        /// The admin partition (Consul Enterprise 1.11); empty for the default one.
        partition: String = "Partition" omit_empty,
        /// The cluster peer that it was imported from (Consul 1.14); empty for this cluster.
        peer_name: String = "PeerName" omit_empty,
        /// Further addresses, by their purpose: `lan`, `wan`, `lan_ipv4` …
        tagged_addresses: Nullable<BTreeMap<String, String>> = "TaggedAddresses" nullable,
        /// The metadata.
        meta: Nullable<BTreeMap<String, String>> = "Meta" nullable,
        /// The locality (Consul 1.16).
        locality: Nullable<Locality> = "Locality" nullable,
        /// The index of its registration.
        create_index: u64 = "CreateIndex" bookkeeping,
        /// The index of its last change.
        modify_index: u64 = "ModifyIndex" bookkeeping,
    }
    with {
        /// Since when the token may no longer read the node; `None` where it may. A watch keeps the last value of
        /// it, which may have changed since. It is no part of the JSON.
        hidden_since: Option<SystemTime>,
    }
}

record! {
    /// The locality of a node or a service, in the terms of its cloud.
    #[derive(Debug)]
    Locality {
        /// The region.
        region: String = "Region" omit_empty,
        /// The zone within the region.
        zone: String = "Zone" omit_empty,
    }
}

/// The name, the partition and the cluster peer. The UUID may be missing.
impl Item for Node {
    type Id<'a> = (&'a str, &'a str, &'a str);

    fn id(&self) -> Self::Id<'_> {
        (&self.node, &self.partition, &self.peer_name)
    }

    fn content_eq(&self, other: &Self) -> bool {
        self.alike(other)
    }

    fn hidden_since(&self) -> Option<SystemTime> {
        self.hidden_since
    }

    fn name(&self) -> Cow<'_, str> {
        (&*self.node).into()
    }
}

/// Displays the name and the address.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.node, self.address)
    }
}
