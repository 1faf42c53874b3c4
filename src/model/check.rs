//! A health check.

use std::{collections::BTreeMap, fmt};

use consul_watch_actors::Item;

use super::{
    record::{Nullable, record, text_enum},
    time::GoDuration,
};

text_enum! {
    /// How a check, or what it checks, is doing.
    CheckStatus {
        /// All is well.
        Passing = "passing",
        /// Something is about to go wrong.
        Warning = "warning",
        /// It does not work.
        Critical = "critical",
        /// Somebody took it out of service (`consul maint`). No check has this status in Consul's JSON: it
        /// is a check of a certain name, see [`HealthCheck::health`].
        Maintenance = "maintenance",
    }
}

/// Critical, as Consul takes a check that has not said anything yet.
impl Default for CheckStatus {
    fn default() -> Self {
        Self::Critical
    }
}

impl CheckStatus {
    /// A status that is not known says nothing good; somebody's own decision to take it out says more.
    pub(super) fn badness(&self) -> u8 {
        match self {
            Self::Passing => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Other(_) => 3,
            Self::Maintenance => 4,
        }
    }
}

record! {
    /// A check ("Health HTTP Endpoint", "List Checks in State"). It is identified by its node and its id.
    #[derive(Debug)]
    HealthCheck {
        /// The node it runs on.
        node: String = "Node" required,
        /// Its id, unique on its node.
        check_id: String = "CheckID" required,
        /// Its name, for people.
        name: String = "Name" always,
        /// How it last ended.
        status: CheckStatus = "Status" always,
        /// What was written down about it.
        notes: String = "Notes" always,
        /// What it last said.
        output: String = "Output" always,
        /// The service instance it belongs to; empty for a check of the node itself.
        service_id: String = "ServiceID" always,
        /// That service's name.
        service_name: String = "ServiceName" always,
        /// That service's tags.
        service_tags: Nullable<Vec<String>> = "ServiceTags" nullable,
        /// How it checks: `http`, `ttl` …; empty when that is not known. Consul 1.7 and later.
        kind: Nullable<String> = "Type" nullable,
        /// How often it runs (later Consuls than 1.8).
        interval: Nullable<GoDuration> = "Interval" nullable,
        /// How long it may take (later Consuls than 1.8).
        timeout: Nullable<GoDuration> = "Timeout" nullable,
        /// The port through which a proxy exposes it; 0 for none (later Consuls than 1.8).
        exposed_port: Nullable<u32> = "ExposedPort" nullable,
        /// The cluster peer it was imported from (Consul 1.14); empty for this cluster.
        peer_name: String = "PeerName" omit_empty,
        /// What it does, as far as the catalogue knows: for checks that an agent runs, nothing.
        definition: Nullable<CheckDefinition> = "Definition" nullable,
        /// Its namespace (Consul Enterprise); empty otherwise.
        namespace: String = "Namespace" omit_empty,
        /// Its admin partition (Consul Enterprise); empty otherwise.
        partition: String = "Partition" omit_empty,
        /// The index at which it was registered.
        create_index: u64 = "CreateIndex" bookkeeping,
        /// The index of its last change.
        modify_index: u64 = "ModifyIndex" bookkeeping,
    }
}

record! {
    /// What a check does, for one that was registered in the catalogue with its definition.
    #[derive(Debug)]
    CheckDefinition {
        /// How often it runs.
        interval: Nullable<GoDuration> = "Interval" nullable,
        /// How long it may take.
        timeout: Nullable<GoDuration> = "Timeout" nullable,
        /// How long it may be critical before its service is deregistered.
        deregister_critical_service_after: Nullable<GoDuration> = "DeregisterCriticalServiceAfter" nullable,
        /// For how long a status that was reported holds.
        ttl: Nullable<GoDuration> = "TTL" nullable,
        /// The URL it calls.
        http: Nullable<String> = "HTTP" nullable,
        /// The headers it sends there.
        header: Nullable<BTreeMap<String, Vec<String>>> = "Header" nullable,
        /// The HTTP method it uses.
        method: Nullable<String> = "Method" nullable,
        /// The body it sends.
        body: Nullable<String> = "Body" nullable,
        /// Whether it takes a redirect as it is and does not follow it.
        disable_redirects: bool = "DisableRedirects" omit_empty,
        /// The name it expects in the certificate.
        tls_server_name: String = "TLSServerName" omit_empty,
        /// Whether it takes any certificate.
        tls_skip_verify: Nullable<bool> = "TLSSkipVerify" nullable,
        /// The TCP address it connects to.
        tcp: Nullable<String> = "TCP" nullable,
        /// Whether it does so with TLS.
        tcp_use_tls: bool = "TCPUseTLS" omit_empty,
        /// The UDP address it sends to.
        udp: String = "UDP" omit_empty,
        /// The HTTP/2 address it pings.
        h2ping: String = "H2PING" omit_empty,
        /// Whether it does so with TLS.
        h2ping_use_tls: bool = "H2PingUseTLS" omit_empty,
        /// The gRPC service it asks.
        grpc: String = "GRPC" omit_empty,
        /// Whether it does so with TLS.
        grpc_use_tls: bool = "GRPCUseTLS" omit_empty,
        /// The operating system's service it looks at.
        os_service: String = "OSService" omit_empty,
        /// The program it runs, and its arguments.
        script_args: Nullable<Vec<String>> = "ScriptArgs" nullable,
        /// The container it runs that in.
        docker_container_id: String = "DockerContainerID" omit_empty,
        /// The shell it runs that with.
        shell: String = "Shell" omit_empty,
        /// The node whose health it repeats.
        alias_node: String = "AliasNode" omit_empty,
        /// The service whose health it repeats.
        alias_service: String = "AliasService" omit_empty,
        /// How much of its output is kept, in bytes.
        output_max_size: u64 = "OutputMaxSize" omit_empty,
    }
}

/// The check that a node in maintenance has.
const NODE_MAINTENANCE: &str = "_node_maintenance";
/// What the check of a service in maintenance is called, before the service's id.
const SERVICE_MAINTENANCE: &str = "_service_maintenance:";

impl HealthCheck {
    /// Its status; [`Maintenance`](CheckStatus::Maintenance) for the check that puts a node or a service into
    /// maintenance ("Agent HTTP API", "Enable Maintenance Mode").
    ///
    /// To hear of a check only when its status changes, and not its output:
    /// `Watch::new(…).project(HealthCheck::health)`.
    pub fn health(&self) -> CheckStatus {
        if self.check_id == NODE_MAINTENANCE || self.check_id.starts_with(SERVICE_MAINTENANCE) {
            CheckStatus::Maintenance
        } else {
            self.status.clone()
        }
    }
}

/// Node and check id; with namespaces, the namespace too.
impl Item for HealthCheck {
    type Id<'a> = (&'a str, &'a str, &'a str);

    fn id(&self) -> Self::Id<'_> {
        (&self.node, &self.check_id, &self.namespace)
    }

    fn same(&self, other: &Self) -> bool {
        self.alike(other)
    }
}

/// Its id, its node and how it is doing.
impl fmt::Display for HealthCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} is {}", self.check_id, self.node, self.health())
    }
}
