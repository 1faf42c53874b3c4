//! What an instance does as a proxy.

use super::record::{Extra, Nullable, record, text_enum};

text_enum! {
    /// How traffic comes to a proxy.
    #[derive(Default)]
    ProxyMode {
        /// As the mesh's defaults say.
        #[default]
        Default = "",
        /// The operating system sends it all traffic.
        Transparent = "transparent",
        /// Applications connect to it.
        Direct = "direct",
    }
}

text_enum! {
    /// How an upstream's instances are found.
    #[derive(Default)]
    UpstreamType {
        /// By the service's name; also when nothing is said.
        #[default]
        Service = "service",
        /// By a prepared query.
        PreparedQuery = "prepared_query",
    }
}

text_enum! {
    /// Which gateways traffic to another datacenter goes through.
    #[derive(Default)]
    MeshGatewayMode {
        /// As the mesh's defaults say.
        #[default]
        Default = "",
        /// None.
        None = "none",
        /// One of this datacenter.
        Local = "local",
        /// One of the other datacenter.
        Remote = "remote",
    }
}

record! {
    /// A proxy's configuration ("Connect Proxy Configuration").
    #[derive(Debug)]
    Proxy {
        /// What Envoy is extended with (Consul 1.15), as it was configured.
        envoy_extensions: Nullable<Vec<Extra>> = "EnvoyExtensions" nullable,
        /// The service it takes traffic for.
        destination_service_name: String = "DestinationServiceName" omit_empty,
        /// The one instance it stands before, for a sidecar.
        destination_service_id: String = "DestinationServiceID" omit_empty,
        /// That instance's address.
        local_service_address: String = "LocalServiceAddress" omit_empty,
        /// That instance's port.
        local_service_port: i64 = "LocalServicePort" omit_empty,
        /// That instance's Unix socket.
        local_service_socket_path: String = "LocalServiceSocketPath" omit_empty,
        /// How traffic comes to it (Consul 1.10).
        mode: Nullable<ProxyMode> = "Mode" nullable,
        /// What else it was configured with; Consul does not look at it.
        config: Nullable<Extra> = "Config" nullable,
        /// What it connects to.
        upstreams: Nullable<Vec<Upstream>> = "Upstreams" nullable,
        /// Which gateways its traffic goes through.
        mesh_gateway: Nullable<MeshGateway> = "MeshGateway" nullable,
        /// What can be reached through it without the mesh's TLS.
        expose: Nullable<Expose> = "Expose" nullable,
        /// How it stands between, when all traffic is sent to it.
        transparent_proxy: Nullable<TransparentProxy> = "TransparentProxy" nullable,
        /// What it logs (Consul 1.15).
        access_logs: Nullable<AccessLogs> = "AccessLogs" nullable,
    }
}

record! {
    /// What a proxy connects to.
    #[derive(Debug)]
    Upstream {
        /// How its instances are found.
        destination_type: Nullable<UpstreamType> = "DestinationType" nullable,
        /// Its namespace (Consul Enterprise).
        destination_namespace: String = "DestinationNamespace" omit_empty,
        /// Its admin partition (Consul Enterprise).
        destination_partition: String = "DestinationPartition" omit_empty,
        /// The cluster peer it belongs to (Consul 1.14).
        destination_peer: String = "DestinationPeer" omit_empty,
        /// The service or the prepared query.
        destination_name: String = "DestinationName" always,
        /// Its datacenter; empty for the proxy's own.
        datacenter: Nullable<String> = "Datacenter" nullable,
        /// Where the proxy listens for traffic to it.
        local_bind_address: String = "LocalBindAddress" omit_empty,
        /// The port it does so at.
        local_bind_port: i64 = "LocalBindPort" omit_empty,
        /// The Unix socket it does so at.
        local_bind_socket_path: String = "LocalBindSocketPath" omit_empty,
        /// That socket's mode, octal.
        local_bind_socket_mode: String = "LocalBindSocketMode" omit_empty,
        /// What else it was configured with; Consul does not look at it.
        config: Nullable<Extra> = "Config" nullable,
        /// Which gateways traffic to it goes through.
        mesh_gateway: Nullable<MeshGateway> = "MeshGateway" nullable,
        /// Whether it comes from a configuration entry and not from the registration.
        centrally_configured: bool = "CentrallyConfigured" omit_empty,
    }
}

record! {
    /// Which gateways traffic goes through.
    #[derive(Debug)]
    MeshGateway {
        /// Which ones.
        mode: MeshGatewayMode = "Mode" omit_empty,
    }
}

record! {
    /// What can be reached through a proxy without the mesh's TLS.
    #[derive(Debug)]
    Expose {
        /// Whether the paths of the instance's checks can.
        checks: bool = "Checks" omit_empty,
        /// Which paths can.
        paths: Nullable<Vec<ExposePath>> = "Paths" nullable,
    }
}

record! {
    /// A path that can be reached through a proxy without the mesh's TLS.
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
        /// Whether it was taken from a check.
        parsed_from_check: Nullable<bool> = "ParsedFromCheck" nullable,
    }
}

record! {
    /// How a proxy stands between, when all traffic is sent to it.
    #[derive(Debug)]
    TransparentProxy {
        /// The port that outgoing traffic is sent to.
        outbound_listener_port: i64 = "OutboundListenerPort" omit_empty,
        /// Whether the instance is dialed by its own address and not through a service's virtual one.
        dialed_directly: bool = "DialedDirectly" omit_empty,
    }
}

record! {
    /// What a proxy logs.
    #[derive(Debug)]
    AccessLogs {
        /// Whether it does.
        enabled: bool = "Enabled" omit_empty,
        /// Whether it leaves connections out that no filter took.
        disable_listener_logs: bool = "DisableListenerLogs" omit_empty,
        /// Where to: `file`, `stdout` or `stderr`.
        kind: String = "Type" omit_empty,
        /// Which file.
        path: String = "Path" omit_empty,
        /// The format, as JSON.
        json_format: String = "JSONFormat" omit_empty,
        /// The format, as text.
        text_format: String = "TextFormat" omit_empty,
    }
}
