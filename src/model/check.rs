//! Health checks.

use std::{borrow::Cow, collections::BTreeMap, fmt, time::SystemTime};

use consul_watch_actors::Item;

use super::{
    record::{Nullable, record, text_enum},
    time::GoDuration,
};

text_enum! {
    /// The status of a check, or of a service or node.
    CheckStatus {
        /// Healthy.
        Passing = "passing",
        /// A problem is developing.
        Warning = "warning",
        /// Not working.
        Critical = "critical",
        /// Taken out of service by an operator (`consul maint`). No check has this status in Consul's JSON: a
        /// check with a reserved id stands for it, see [`HealthCheck::health`].
        Maintenance = "maintenance",
    }
}

/// Critical, like a check that has not reported yet.
impl Default for CheckStatus {
    fn default() -> Self {
        Self::Critical
    }
}

impl CheckStatus {
    /// An unknown status ranks as bad; maintenance, a decision of an operator, ranks above critical.
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
    /// A check (<https://developer.hashicorp.com/consul/api-docs/health#list-checks-in-state>), identified by
    /// its node, its id, its namespace, its partition and its peer.
    #[derive(Debug)]
    HealthCheck {
        /// The name of its node.
        node: String = "Node" required,
        /// The id, unique on its node.
        check_id: String = "CheckID" required,
        /// The name.
        name: String = "Name" always,
        /// The status.
        status: CheckStatus = "Status" always,
        /// Notes of its author.
        notes: String = "Notes" always,
        /// The output of its last run.
        output: String = "Output" always,
        /// The id of its service instance; empty for a check of the node.
        service_id: String = "ServiceID" always,
        /// The name of that service.
        service_name: String = "ServiceName" always,
        /// The tags of that service.
        service_tags: Nullable<Vec<String>> = "ServiceTags" nullable,
        /// The type: `http`, `ttl` …; empty if unknown. Consul 1.7 and later.
        kind: Nullable<String> = "Type" nullable,
        /// The interval between runs (later than Consul 1.8).
        interval: Nullable<GoDuration> = "Interval" nullable,
        /// The timeout of a run (later than Consul 1.8).
        timeout: Nullable<GoDuration> = "Timeout" nullable,
        /// The port at which a proxy exposes it; 0 for none (later than Consul 1.8).
        exposed_port: Nullable<u32> = "ExposedPort" nullable,
        /// The cluster peer that it was imported from (Consul 1.14); empty for this cluster.
        peer_name: String = "PeerName" omit_empty,
        /// The definition in the catalog; empty for checks that an agent runs.
        definition: Nullable<CheckDefinition> = "Definition" nullable,
        /// The namespace (Consul Enterprise); otherwise empty.
        namespace: String = "Namespace" omit_empty,
        /// The admin partition (Consul Enterprise); otherwise empty.
        partition: String = "Partition" omit_empty,
        /// The index of its registration.
        create_index: u64 = "CreateIndex" bookkeeping,
        /// The index of its last change.
        modify_index: u64 = "ModifyIndex" bookkeeping,
    }
    with {
        /// Since when the token may no longer read the check; `None` where it may. A watch keeps the last value of
        /// it, which may have changed since. It is no part of the JSON.
        hidden_since: Option<SystemTime>,
    }
}

record! {
    /// The definition of a check that was registered in the catalog.
    #[derive(Debug)]
    CheckDefinition {
        /// The interval between runs.
        interval: Nullable<GoDuration> = "Interval" nullable,
        /// The timeout of a run.
        timeout: Nullable<GoDuration> = "Timeout" nullable,
        /// The time after which its service is deregistered if the check stays critical.
        deregister_critical_service_after: Nullable<GoDuration> = "DeregisterCriticalServiceAfter" nullable,
        /// The time for which a reported status is valid.
        ttl: Nullable<GoDuration> = "TTL" nullable,
        /// The URL that it requests.
        http: Nullable<String> = "HTTP" nullable,
        /// The headers of the request.
        header: Nullable<BTreeMap<String, Vec<String>>> = "Header" nullable,
        /// The HTTP method.
        method: Nullable<String> = "Method" nullable,
        /// The body of the request.
        body: Nullable<String> = "Body" nullable,
        /// Whether redirects are not followed.
        disable_redirects: bool = "DisableRedirects" omit_empty,
        /// The expected name in the certificate.
        tls_server_name: Nullable<String> = "TLSServerName" nullable,
        /// Whether the certificate is not verified.
        tls_skip_verify: Nullable<bool> = "TLSSkipVerify" nullable,
        /// The TCP address to connect to.
        tcp: Nullable<String> = "TCP" nullable,
        /// Whether the connection uses TLS.
        tcp_use_tls: Nullable<bool> = "TCPUseTLS" nullable,
        /// The UDP address to send to.
        udp: Nullable<String> = "UDP" nullable,
        /// The HTTP/2 address to ping.
        h2ping: String = "H2PING" omit_empty,
        /// Whether the connection uses TLS.
        h2ping_use_tls: bool = "H2PingUseTLS" omit_empty,
        /// The gRPC service to query.
        grpc: Nullable<String> = "GRPC" nullable,
        /// The service of the operating system to inspect.
        os_service: Nullable<String> = "OSService" nullable,
        /// Whether the connection uses TLS.
        grpc_use_tls: Nullable<bool> = "GRPCUseTLS" nullable,
        /// The program to run, with its arguments.
        script_args: Nullable<Vec<String>> = "ScriptArgs" nullable,
        /// The container to run the program in.
        docker_container_id: String = "DockerContainerID" omit_empty,
        /// The shell to run the program with.
        shell: String = "Shell" omit_empty,
        /// The node whose health it mirrors.
        alias_node: String = "AliasNode" omit_empty,
        /// The service whose health it mirrors.
        alias_service: String = "AliasService" omit_empty,
        /// The maximum size of the stored output, in bytes.
        output_max_size: u64 = "OutputMaxSize" omit_empty,
    }
}

/// The id of the check of a node in maintenance.
const NODE_MAINTENANCE: &str = "_node_maintenance";
/// The prefix of the id of the check of a service in maintenance; the id of the service follows.
const SERVICE_MAINTENANCE: &str = "_service_maintenance:";

impl HealthCheck {
    /// Returns the status; [`Maintenance`](CheckStatus::Maintenance) for the check that puts a node or a service
    /// into maintenance (<https://developer.hashicorp.com/consul/api-docs/agent#enable-maintenance-mode>).
    ///
    /// `Watch::new(…).project(HealthCheck::health)` delivers changes of the status alone, not of the output.
    pub fn health(&self) -> CheckStatus {
        if self.check_id == NODE_MAINTENANCE || self.check_id.starts_with(SERVICE_MAINTENANCE) {
            CheckStatus::Maintenance
        } else {
            self.status.clone()
        }
    }
}

/// The node, the id, the namespace, the partition and the cluster peer.
impl Item for HealthCheck {
    type Id<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

    fn id(&self) -> Self::Id<'_> {
        (
            &self.node,
            &self.check_id,
            &self.namespace,
            &self.partition,
            &self.peer_name,
        )
    }

    fn content_eq(&self, other: &Self) -> bool {
        self.alike(other)
    }

    fn hidden_since(&self) -> Option<SystemTime> {
        self.hidden_since
    }

    fn name(&self) -> Cow<'_, str> {
        format!("{} on {}", self.check_id, self.node).into()
    }
}

/// Displays the id, the node and the status.
impl fmt::Display for HealthCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} is {}", self.check_id, self.node, self.health())
    }
}
