//! Registrations of service instances.

use std::{collections::BTreeMap, fmt};

use consul_watch_actors::Item;

use super::{
    node::Locality,
    proxy::Proxy,
    record::{Nullable, record, text_enum},
};

text_enum! {
    /// The role of a service in the mesh.
    #[derive(Default)]
    ServiceKind {
        /// An ordinary service.
        #[default]
        Typical = "",
        /// A proxy for another service.
        ConnectProxy = "connect-proxy",
        /// A gateway between datacenters.
        MeshGateway = "mesh-gateway",
        /// A gateway out of the mesh.
        TerminatingGateway = "terminating-gateway",
        /// A gateway into the mesh.
        IngressGateway = "ingress-gateway",
        /// A gateway into the mesh after the model of the Gateway API (Consul 1.15).
        ApiGateway = "api-gateway",
        /// A destination outside the mesh.
        Destination = "destination",
    }
}

record! {
    /// An instance of a service (<https://developer.hashicorp.com/consul/api-docs/agent/service#get-service-configuration>), identified by its id.
    #[derive(Debug)]
    ServiceInstance {
        /// The role in the mesh.
        kind: ServiceKind = "Kind" omit_empty,
        /// The id, unique on its node.
        id: String = "ID" required,
        /// The name of the service.
        service: String = "Service" always,
        /// The tags.
        tags: Nullable<Vec<String>> = "Tags" nullable,
        /// The metadata.
        meta: Nullable<BTreeMap<String, String>> = "Meta" nullable,
        /// The port, 0 for none. Consul does not validate it.
        port: Nullable<i64> = "Port" nullable,
        /// The ports by name, if there are several (Consul 1.22).
        ports: Nullable<Vec<ServicePort>> = "Ports" nullable,
        /// The address; empty for the address of the node.
        address: String = "Address" always,
        /// The Unix socket that it listens on (Consul 1.10).
        socket_path: String = "SocketPath" omit_empty,
        /// Further addresses, by their purpose: `lan`, `wan` …
        tagged_addresses: Nullable<BTreeMap<String, ServiceAddress>> = "TaggedAddresses" nullable,
        /// The weight among the instances, by health.
        weights: Nullable<Weights> = "Weights" nullable,
        /// Whether other agents may change its tags.
        enable_tag_override: bool = "EnableTagOverride" always,
        /// The index of its registration; 0 from the agent's own endpoints.
        create_index: u64 = "CreateIndex" bookkeeping,
        /// The index of its last change; 0 from the agent's own endpoints.
        modify_index: u64 = "ModifyIndex" bookkeeping,
        /// The hash that the agent's endpoint blocks on.
        content_hash: String = "ContentHash" bookkeeping,
        /// The configuration as a proxy.
        proxy: Nullable<Proxy> = "Proxy" nullable,
        /// The connection to the mesh.
        connect: Nullable<ServiceConnect> = "Connect" nullable,
        /// The cluster peer that it was imported from (Consul 1.14); empty for this cluster.
        peer_name: Nullable<String> = "PeerName" nullable,
        /// The namespace (Consul Enterprise); otherwise empty.
        namespace: String = "Namespace" omit_empty,
        /// The admin partition (Consul Enterprise); otherwise empty.
        partition: String = "Partition" omit_empty,
        /// The datacenter, from the agent's own endpoints later than Consul 1.8.
        datacenter: String = "Datacenter" omit_empty,
        /// The locality (Consul 1.16).
        locality: Nullable<Locality> = "Locality" nullable,
    }
}

record! {
    /// One of several ports of an instance
    /// (<https://developer.hashicorp.com/consul/docs/register/service/vm/define>).
    #[derive(Debug, Eq, Hash)]
    ServicePort {
        /// The name.
        name: String = "Name" always,
        /// The port.
        port: i64 = "Port" always,
        /// Whether it is the default port.
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
    /// The weight of an instance in DNS answers, by health.
    #[derive(Debug, Eq, Hash)]
    Weights {
        /// The weight while it is passing.
        passing: i64 = "Passing" always,
        /// The weight while it is warning.
        warning: i64 = "Warning" always,
    }
}

record! {
    /// The connection of an instance to the mesh.
    #[derive(Debug)]
    ServiceConnect {
        /// Whether it speaks the protocol of the mesh natively.
        native: bool = "Native" omit_empty,
    }
}

impl Item for ServiceInstance {
    type Id<'a> = &'a str;

    fn id(&self) -> &str {
        &self.id
    }

    fn content_eq(&self, other: &Self) -> bool {
        self.alike(other)
    }
}

/// Displays the id, the address and the port.
impl fmt::Display for ServiceInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}:{}", self.id, self.address, *self.port)
    }
}
