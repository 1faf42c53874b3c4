//! A node of the catalogue.

use std::{collections::BTreeMap, fmt};

use consul_watch_actors::Item;

use super::record::{Nullable, record};

record! {
    /// A node ("Catalog HTTP API", "List Nodes"). It is identified by its name.
    #[derive(Debug)]
    Node {
        /// Its UUID; empty for one that was registered without.
        id: String = "ID" always,
        /// Its name, unique within its datacenter and partition.
        node: String = "Node" required,
        /// Its address.
        address: String = "Address" always,
        /// The datacenter it belongs to.
        datacenter: String = "Datacenter" always,
        /// Its admin partition (Consul Enterprise 1.11); empty for the default one.
        partition: String = "Partition" omit_empty,
        /// The cluster peer it was imported from (Consul 1.14); empty for a node of this cluster.
        peer_name: String = "PeerName" omit_empty,
        /// More addresses, by what they are for: `lan`, `wan`, `lan_ipv4` …
        tagged_addresses: Nullable<BTreeMap<String, String>> = "TaggedAddresses" nullable,
        /// What was attached to it.
        meta: Nullable<BTreeMap<String, String>> = "Meta" nullable,
        /// Where it stands (Consul 1.16).
        locality: Nullable<Locality> = "Locality" nullable,
        /// The index at which it was registered.
        create_index: u64 = "CreateIndex" bookkeeping,
        /// The index of its last change.
        modify_index: u64 = "ModifyIndex" bookkeeping,
    }
}

record! {
    /// Where a node or a service stands, as the cloud it runs in calls it.
    #[derive(Debug)]
    Locality {
        /// The region.
        region: String = "Region" omit_empty,
        /// The zone within the region.
        zone: String = "Zone" omit_empty,
    }
}

impl Item for Node {
    type Id<'a> = &'a str;

    #[expect(
        clippy::misnamed_getters,
        reason = "a node is told by its name, its UUID may be missing"
    )]
    fn id(&self) -> &str {
        &self.node
    }

    fn same(&self, other: &Self) -> bool {
        self.alike(other)
    }
}

/// Its name and address.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.node, self.address)
    }
}
