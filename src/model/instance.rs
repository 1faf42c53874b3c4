//! One instance of a service, as its registration says.

use std::{collections::BTreeMap, fmt};

use consul_watch_actors::Item;

use super::{
    node::Locality,
    proxy::Proxy,
    record::{Sent, record, text_enum},
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
        kind: ServiceKind = "Kind" omit,
        /// Its id, unique on its node.
        id: String = "ID" need,
        /// The service's name.
        service: String = "Service" keep,
        /// Its tags.
        tags: Sent<Vec<String>> = "Tags" sent,
        /// What was attached to it.
        meta: Sent<BTreeMap<String, String>> = "Meta" sent,
        /// Its port, 0 for none. Consul does not check that it is one.
        port: i64 = "Port" keep,
        /// Its ports by name, where it has more than one (Consul 1.22).
        ports: Sent<Vec<ServicePort>> = "Ports" sent,
        /// Its address; empty when it is its node's.
        address: String = "Address" keep,
        /// The Unix socket it listens at (Consul 1.10).
        socket_path: String = "SocketPath" omit,
        /// More addresses, by what they are for: `lan`, `wan` …
        tagged_addresses: Sent<BTreeMap<String, ServiceAddress>> = "TaggedAddresses" sent,
        /// Its weight among its fellows, by how it is doing.
        weights: Sent<Weights> = "Weights" sent,
        /// Whether others than its agent may change its tags.
        enable_tag_override: bool = "EnableTagOverride" keep,
        /// The index at which it was registered; 0 from the agent's own endpoints.
        create_index: u64 = "CreateIndex" mark,
        /// The index of its last change; 0 from the agent's own endpoints.
        modify_index: u64 = "ModifyIndex" mark,
        /// The hash that the agent's endpoint blocks by.
        content_hash: String = "ContentHash" mark,
        /// What it does as a proxy.
        proxy: Sent<Proxy> = "Proxy" sent,
        /// How it belongs to the mesh.
        connect: Sent<ServiceConnect> = "Connect" sent,
        /// The cluster peer it was imported from (Consul 1.14); empty for this cluster.
        peer_name: String = "PeerName" omit,
        /// Its namespace (Consul Enterprise); empty otherwise.
        namespace: String = "Namespace" omit,
        /// Its admin partition (Consul Enterprise); empty otherwise.
        partition: String = "Partition" omit,
        /// Its datacenter, from the agent's own endpoints of later Consuls than 1.8.
        datacenter: String = "Datacenter" omit,
        /// Where it stands (Consul 1.16).
        locality: Sent<Locality> = "Locality" sent,
    }
}

record! {
    /// One of several ports of an instance.
    #[derive(Debug)]
    ServicePort {
        /// Its name.
        name: String = "Name" keep,
        /// The port.
        port: i64 = "Port" keep,
        /// Whether it is the one that is meant when none is named.
        default: bool = "Default" keep,
    }
}

record! {
    /// An address and a port.
    #[derive(Debug, Eq, Hash)]
    ServiceAddress {
        /// The address.
        address: String = "Address" keep,
        /// The port.
        port: i64 = "Port" keep,
    }
}

record! {
    /// An instance's weight in DNS answers, by how it is doing.
    #[derive(Debug, Eq, Hash)]
    Weights {
        /// While it passes.
        passing: i64 = "Passing" keep,
        /// While it warns.
        warning: i64 = "Warning" keep,
    }
}

record! {
    /// How an instance belongs to the mesh.
    #[derive(Debug)]
    ServiceConnect {
        /// Whether it speaks the mesh's protocol by itself.
        native: bool = "Native" omit,
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
