//! One instance of a service, as its registration says.

use std::{collections::BTreeMap, fmt};

use consul_watch_actors::Item;

use super::{
    node::Locality,
    proxy::Proxy,
    record::{Nullable, record, text_enum},
};

text_enum! {
    /// What a service is to the mesh.
    #[derive(Default)]
    ServiceKind {
        /// A service of its own.
        #[default]
        Typical = "",
        /// A proxy of another one.
        ConnectProxy = "connect-proxy",
        /// A gateway between datacenters.
        MeshGateway = "mesh-gateway",
        /// A gateway out of the mesh.
        TerminatingGateway = "terminating-gateway",
        /// A gateway into the mesh.
        IngressGateway = "ingress-gateway",
        /// A gateway into the mesh by the Gateway API's model (Consul 1.15).
        ApiGateway = "api-gateway",
        /// A destination outside of the mesh.
        Destination = "destination",
    }
}

record! {
    /// An instance of a service ("Service - Agent HTTP API", "Get Service Configuration"; within
    /// "Health HTTP Endpoint", "List Service Instances for Service"). It is identified by its id.
    #[derive(Debug)]
    ServiceInstance {
        /// What it is to the mesh.
        kind: ServiceKind = "Kind" omit_empty,
        /// Its id, unique on its node.
        id: String = "ID" required,
        /// The service's name.
        service: String = "Service" always,
        /// Its tags.
        tags: Nullable<Vec<String>> = "Tags" nullable,
        /// What was attached to it.
        meta: Nullable<BTreeMap<String, String>> = "Meta" nullable,
        /// Its port, 0 for none. Consul does not check that it is one.
        port: i64 = "Port" always,
        /// Its ports by name, where it has more than one (Consul 1.22).
        ports: Nullable<Vec<ServicePort>> = "Ports" nullable,
        /// Its address; empty when it is its node's.
        address: String = "Address" always,
        /// The Unix socket it listens at (Consul 1.10).
        socket_path: String = "SocketPath" omit_empty,
        /// More addresses, by what they are for: `lan`, `wan` …
        tagged_addresses: Nullable<BTreeMap<String, ServiceAddress>> = "TaggedAddresses" nullable,
        /// Its weight among its fellows, by how it is doing.
        weights: Nullable<Weights> = "Weights" nullable,
        /// Whether others than its agent may change its tags.
        enable_tag_override: bool = "EnableTagOverride" always,
        /// The index at which it was registered; 0 from the agent's own endpoints.
        create_index: u64 = "CreateIndex" bookkeeping,
        /// The index of its last change; 0 from the agent's own endpoints.
        modify_index: u64 = "ModifyIndex" bookkeeping,
        /// The hash that the agent's endpoint blocks by.
        content_hash: String = "ContentHash" bookkeeping,
        /// What it does as a proxy.
        proxy: Nullable<Proxy> = "Proxy" nullable,
        /// How it belongs to the mesh.
        connect: Nullable<ServiceConnect> = "Connect" nullable,
        /// The cluster peer it was imported from (Consul 1.14); empty for this cluster.
        peer_name: String = "PeerName" omit_empty,
        /// Its namespace (Consul Enterprise); empty otherwise.
        namespace: String = "Namespace" omit_empty,
        /// Its admin partition (Consul Enterprise); empty otherwise.
        partition: String = "Partition" omit_empty,
        /// Its datacenter, from the agent's own endpoints of later Consuls than 1.8.
        datacenter: String = "Datacenter" omit_empty,
        /// Where it stands (Consul 1.16).
        locality: Nullable<Locality> = "Locality" nullable,
    }
}

record! {
    /// One of several ports of an instance.
    #[derive(Debug)]
    ServicePort {
        /// Its name.
        name: String = "Name" always,
        /// The port.
        port: i64 = "Port" always,
        /// Whether it is the one that is meant when none is named.
        default: bool = "Default" always,
    }
}

record! {
    /// An address and a port.
    #[derive(Debug, Eq, Hash)]
    ServiceAddress {
        /// The address.
        address: String = "Address" always,
        /// The port.
        port: i64 = "Port" always,
    }
}

record! {
    /// An instance's weight in DNS answers, by how it is doing.
    #[derive(Debug, Eq, Hash)]
    Weights {
        /// While it passes.
        passing: i64 = "Passing" always,
        /// While it warns.
        warning: i64 = "Warning" always,
    }
}

record! {
    /// How an instance belongs to the mesh.
    #[derive(Debug)]
    ServiceConnect {
        /// Whether it speaks the mesh's protocol by itself.
        native: bool = "Native" omit_empty,
    }
}

impl Item for ServiceInstance {
    type Id<'a> = &'a str;

    fn id(&self) -> &str {
        &self.id
    }

    fn same(&self, other: &Self) -> bool {
        self.alike(other)
    }
}

/// Its id, address and port.
impl fmt::Display for ServiceInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}:{}", self.id, self.address, self.port)
    }
}
