//! A node of the catalogue.

use std::{collections::BTreeMap, fmt};

use consul_watch_actors::Item;

use super::record::{Sent, record};

record! {
    /// A node ("Catalog HTTP API", "List Nodes"). It is identified by its name.
    #[derive(Debug)]
    Node {
        /// Its UUID; empty for one that was registered without.
        id: String = "ID" keep,
        /// Its name, unique within its datacenter and partition.
        node: String = "Node" need,
        /// Its address.
        address: String = "Address" keep,
        /// The datacenter it belongs to.
        datacenter: String = "Datacenter" keep,
        /// Its admin partition (Consul Enterprise 1.11); empty for the default one.
        partition: String = "Partition" omit,
        /// The cluster peer it was imported from (Consul 1.14); empty for a node of this cluster.
        peer_name: String = "PeerName" omit,
        /// More addresses, by what they are for: `lan`, `wan`, `lan_ipv4` …
        tagged_addresses: Sent<BTreeMap<String, String>> = "TaggedAddresses" sent,
        /// What was attached to it.
        meta: Sent<BTreeMap<String, String>> = "Meta" sent,
        /// Where it stands (Consul 1.16).
        locality: Sent<Locality> = "Locality" sent,
        /// The index at which it was registered.
        create_index: u64 = "CreateIndex" mark,
        /// The index of its last change.
        modify_index: u64 = "ModifyIndex" mark,
    }
}

record! {
    /// Where a node or a service stands, as the cloud it runs in calls it.
    #[derive(Debug)]
    Locality {
        /// The region.
        region: String = "Region" omit,
        /// The zone within the region.
        zone: String = "Zone" omit,
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
