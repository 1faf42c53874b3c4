//! Configurations of proxies.

use super::record::{Extra, Nullable, record, text_enum};

text_enum! {
    /// The way in which a proxy receives traffic.
    #[derive(Default)]
    ProxyMode {
        /// The default of the mesh.
        #[default]
        Default = "",
        /// The operating system redirects all traffic to it.
        Transparent = "transparent",
        /// Applications connect to it explicitly.
        Direct = "direct",
    }
}

text_enum! {
    /// The way in which the instances of an upstream are found.
    #[derive(Default)]
    UpstreamType {
        /// By the name of the service; the default.
        #[default]
        Service = "service",
        /// By a prepared query.
        PreparedQuery = "prepared_query",
    }
}

text_enum! {
    /// The gateways for traffic to another datacenter.
    #[derive(Default)]
    MeshGatewayMode {
        /// The default of the mesh.
        #[default]
        Default = "",
        /// No gateway.
        None = "none",
        /// A gateway of this datacenter.
        Local = "local",
        /// A gateway of the other datacenter.
        Remote = "remote",
    }
}

record! {
    /// The configuration of a proxy
    /// (<https://developer.hashicorp.com/consul/docs/connect/proxies/proxy-config-reference>).
    #[derive(Debug)]
    Proxy {
        /// The extensions of Envoy (Consul 1.15), as configured.
        envoy_extensions: Nullable<Vec<Extra>> = "EnvoyExtensions" nullable,
        /// The service that it receives traffic for.
        destination_service_name: String = "DestinationServiceName" omit_empty,
        /// The id of its instance, for a sidecar.
        destination_service_id: String = "DestinationServiceID" omit_empty,
        /// The address of that instance.
        local_service_address: String = "LocalServiceAddress" omit_empty,
        /// The port of that instance.
        local_service_port: i64 = "LocalServicePort" omit_empty,
        /// The Unix socket of that instance.
        local_service_socket_path: String = "LocalServiceSocketPath" omit_empty,
        /// The way in which it receives traffic (Consul 1.10).
        mode: Nullable<ProxyMode> = "Mode" nullable,
        /// Further configuration that Consul does not interpret.
        config: Nullable<Extra> = "Config" nullable,
        /// The upstreams.
        upstreams: Nullable<Vec<Upstream>> = "Upstreams" nullable,
        /// The gateways for its traffic.
        mesh_gateway: Nullable<MeshGateway> = "MeshGateway" nullable,
        /// The paths that are exposed without TLS of the mesh.
        expose: Nullable<Expose> = "Expose" nullable,
        /// The settings for redirected traffic.
        transparent_proxy: Nullable<TransparentProxy> = "TransparentProxy" nullable,
        /// The access log (Consul 1.15).
        access_logs: Nullable<AccessLogs> = "AccessLogs" nullable,
    }
}

record! {
    /// An upstream of a proxy.
    #[derive(Debug)]
    Upstream {
        /// The way in which its instances are found.
        destination_type: Nullable<UpstreamType> = "DestinationType" nullable,
        /// The namespace (Consul Enterprise).
        destination_namespace: String = "DestinationNamespace" omit_empty,
        /// The admin partition (Consul Enterprise).
        destination_partition: String = "DestinationPartition" omit_empty,
        /// The cluster peer (Consul 1.14).
        destination_peer: String = "DestinationPeer" omit_empty,
        /// The name of the service or of the prepared query.
        destination_name: String = "DestinationName" always,
        /// The datacenter; empty for that of the proxy.
        datacenter: Nullable<String> = "Datacenter" nullable,
        /// The address at which the proxy listens for its traffic.
        local_bind_address: String = "LocalBindAddress" omit_empty,
        /// The port at which the proxy listens.
        local_bind_port: i64 = "LocalBindPort" omit_empty,
        /// The Unix socket at which the proxy listens.
        local_bind_socket_path: String = "LocalBindSocketPath" omit_empty,
        /// The mode of that socket, octal.
        local_bind_socket_mode: String = "LocalBindSocketMode" omit_empty,
        /// Further configuration that Consul does not interpret.
        config: Nullable<Extra> = "Config" nullable,
        /// The gateways for its traffic.
        mesh_gateway: Nullable<MeshGateway> = "MeshGateway" nullable,
        /// Whether it was added by a configuration entry.
        centrally_configured: bool = "CentrallyConfigured" omit_empty,
    }
}

record! {
    /// The gateways for traffic.
    #[derive(Debug)]
    MeshGateway {
        /// The mode.
        mode: MeshGatewayMode = "Mode" omit_empty,
    }
}

record! {
    /// The paths that a proxy exposes without TLS of the mesh.
    #[derive(Debug)]
    Expose {
        /// Whether the paths of the instance's checks are exposed.
        checks: bool = "Checks" omit_empty,
        /// The exposed paths.
        paths: Nullable<Vec<ExposePath>> = "Paths" nullable,
    }
}

record! {
    /// A path that a proxy exposes without TLS of the mesh.
    #[derive(Debug)]
    ExposePath {
        /// The port of the proxy.
        listener_port: i64 = "ListenerPort" omit_empty,
        /// The path.
        path: String = "Path" omit_empty,
        /// The port of the instance.
        local_path_port: i64 = "LocalPathPort" omit_empty,
        /// `http` or `http2`.
        protocol: String = "Protocol" omit_empty,
        /// Whether it was derived from a check.
        parsed_from_check: Nullable<bool> = "ParsedFromCheck" nullable,
    }
}

record! {
    /// Settings of a proxy for redirected traffic.
    #[derive(Debug)]
    TransparentProxy {
        /// The port that outgoing traffic is redirected to.
        outbound_listener_port: i64 = "OutboundListenerPort" omit_empty,
        /// Whether clients connect to the instance's own address and not to the service's virtual one.
        dialed_directly: bool = "DialedDirectly" omit_empty,
    }
}

record! {
    /// The access log of a proxy.
    #[derive(Debug)]
    AccessLogs {
        /// Whether it is enabled.
        enabled: bool = "Enabled" omit_empty,
        /// Whether connections without a matching filter are omitted.
        disable_listener_logs: bool = "DisableListenerLogs" omit_empty,
        /// The target: `file`, `stdout` or `stderr`.
        kind: String = "Type" omit_empty,
        /// The path of the file.
        path: String = "Path" omit_empty,
        /// The JSON format.
        json_format: String = "JSONFormat" omit_empty,
        /// The text format.
        text_format: String = "TextFormat" omit_empty,
    }
}
