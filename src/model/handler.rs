//! Values as `consul watch` and the agent's `watches` stanza pass them to a handler.
//!
//! Consul converts the answers of its API through structs of its client library, which changes the JSON.
//! Measured on Consul 1.8.7, 1.16, 1.21 and 1.22, against the JSON of the API:
//!
//! | values | JSON for the handler |
//! |---|---|
//! | services, nodes, events, leaves | the same |
//! | checks, also within a service's entries | `Definition` always has `Interval`, `Timeout` and `DeregisterCriticalServiceAfter` (`"0s"`), `HTTP`, `Header` (`null`), `Method`, `Body`, `TLSSkipVerify` and `TCP` |
//! | checks of a release later than 1.8 | `Definition` also has `TLSServerName`, `TCPUseTLS`, `UDP`, `GRPC`, `OSService` and `GRPCUseTLS`; the check's own `Interval` and `Timeout` are omitted |
//! | instances | `Port` is always there, an empty `PeerName` is omitted |
//! | proxies | an empty `Mode` is omitted, and an empty `Datacenter` of an upstream; an exposed path always has `ParsedFromCheck` |
//!
//! The agent that answers decides: a check with `ExposedPort` is of a release later than 1.8. Fields that this
//! table does not name are written as the API sent them, also where Consul's library omits them.
//!
//! ```
//! use consul_watch::{Changed, Service, model::handler};
//!
//! fn stdin_of_a_handler(changed: &Changed<Service>) -> serde_json::Result<String> {
//!     serde_json::to_string(&handler::entries(&changed.current))
//! }
//! ```

use std::sync::Arc;

use super::{
    check::{CheckDefinition, HealthCheck},
    entry::ServiceEntry,
    instance::ServiceInstance,
    proxy::ProxyMode,
    record::Nullable,
    time::GoDuration,
};

/// Returns the entries of a service for a handler of the type `service`.
pub fn entries(entries: &[Arc<ServiceEntry>]) -> Vec<ServiceEntry> {
    entries.iter().map(|entry| self::entry(entry)).collect()
}

/// Returns checks for a handler of the type `checks`.
pub fn checks(checks: &[Arc<HealthCheck>]) -> Vec<HealthCheck> {
    checks.iter().map(|check| self::check(check)).collect()
}

/// Returns an instance for a handler of the type `agent_service`.
pub fn instance(instance: &ServiceInstance) -> ServiceInstance {
    let mut handed = instance.clone();
    handed.port = (*handed.port).into();
    if handed.peer_name.is_empty() {
        handed.peer_name = Nullable::default();
    }
    if handed.proxy.is_given() {
        let mut proxy = handed.proxy.into_inner();
        if *proxy.mode == ProxyMode::Default {
            proxy.mode = Nullable::default();
        }
        if proxy.expose.paths.is_given() {
            let mut expose = proxy.expose.into_inner();
            let mut paths = expose.paths.into_inner();
            for path in &mut paths {
                path.parsed_from_check = (*path.parsed_from_check).into();
            }
            expose.paths = paths.into();
            proxy.expose = expose.into();
        }
        if proxy.upstreams.is_given() {
            let mut upstreams = proxy.upstreams.into_inner();
            for upstream in &mut upstreams {
                if upstream.datacenter.is_empty() {
                    upstream.datacenter = Nullable::default();
                }
            }
            proxy.upstreams = upstreams.into();
        }
        handed.proxy = proxy.into();
    }
    handed
}

fn entry(entry: &ServiceEntry) -> ServiceEntry {
    let mut handed = entry.clone();
    handed.service = instance(&entry.service);
    if entry.checks.is_given() {
        handed.checks = entry.checks.iter().map(check).collect::<Vec<_>>().into();
    }
    handed
}

fn check(check: &HealthCheck) -> HealthCheck {
    let mut handed = check.clone();
    let is_later = is_later_than_1_8(check);
    if is_later {
        (handed.interval, handed.timeout) = (Nullable::default(), Nullable::default());
    }
    handed.definition = definition(&check.definition, is_later).into();
    handed
}

/// Returns whether the agent that sent this check is of a release later than 1.8.
fn is_later_than_1_8(check: &HealthCheck) -> bool {
    check.exposed_port.is_given()
}

fn definition(sent: &CheckDefinition, is_later: bool) -> CheckDefinition {
    let mut handed = sent.clone();
    if is_later {
        for text in [
            &mut handed.tls_server_name,
            &mut handed.udp,
            &mut handed.grpc,
            &mut handed.os_service,
        ] {
            *text = std::mem::take(text).into_inner().into();
        }
        for switch in [&mut handed.tcp_use_tls, &mut handed.grpc_use_tls] {
            *switch = (**switch).into();
        }
    }
    for duration in [
        &mut handed.interval,
        &mut handed.timeout,
        &mut handed.deregister_critical_service_after,
    ] {
        *duration = GoDuration::from(duration.duration().unwrap_or_default()).into();
    }
    for text in [
        &mut handed.http,
        &mut handed.method,
        &mut handed.body,
        &mut handed.tcp,
    ] {
        *text = std::mem::take(text).into_inner().into();
    }
    handed.tls_skip_verify = (*handed.tls_skip_verify).into();
    if !handed.header.is_given() {
        handed.header = Nullable::null();
    }
    handed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_has_all_fields_of_a_handler() {
        let text = r#"{"Node":"n","CheckID":"c","Name":"","Status":"passing","Notes":"","Output":"","ServiceID":"","ServiceName":"","ServiceTags":[],"Type":"","Definition":{},"CreateIndex":1,"ModifyIndex":1}"#;
        let sent: HealthCheck = serde_json::from_str(text).unwrap();
        let handed = serde_json::to_string(&check(&sent)).unwrap();
        let expected = r#""Definition":{"Interval":"0s","Timeout":"0s","DeregisterCriticalServiceAfter":"0s","HTTP":"","Header":null,"Method":"","Body":"","TLSSkipVerify":false,"TCP":""}"#;
        assert_eq!(handed, text.replace(r#""Definition":{}"#, expected));
    }

    #[test]
    fn a_check_of_a_later_release_has_more_of_them_and_no_interval() {
        let text = r#"{"Node":"n","CheckID":"c","Name":"","Status":"passing","Notes":"","Output":"","ServiceID":"","ServiceName":"","ServiceTags":[],"Type":"","Interval":"","Timeout":"","ExposedPort":0,"Definition":{},"CreateIndex":1,"ModifyIndex":1}"#;
        let sent: HealthCheck = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&sent).unwrap(), text);
        let handed = serde_json::to_string(&check(&sent)).unwrap();
        let expected = r#""Definition":{"Interval":"0s","Timeout":"0s","DeregisterCriticalServiceAfter":"0s","HTTP":"","Header":null,"Method":"","Body":"","TLSServerName":"","TLSSkipVerify":false,"TCP":"","TCPUseTLS":false,"UDP":"","GRPC":"","OSService":"","GRPCUseTLS":false}"#;
        let without = text.replace(r#""Interval":"","Timeout":"","#, "");
        assert_eq!(handed, without.replace(r#""Definition":{}"#, expected));
    }

    #[test]
    fn an_empty_mode_and_an_empty_peer_are_omitted() {
        let text = r#"{"ID":"p","Service":"p","Port":1,"Address":"","EnableTagOverride":false,"Proxy":{"Mode":"","Expose":{}},"PeerName":""}"#;
        let sent: ServiceInstance = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&sent).unwrap(), text);
        let handed = serde_json::to_string(&instance(&sent)).unwrap();
        let without = text
            .replace(r#""Mode":"","#, "")
            .replace(r#","PeerName":"""#, "");
        assert_eq!(handed, without);
        let given = text.replace(r#""Mode":"""#, r#""Mode":"direct""#);
        let sent: ServiceInstance = serde_json::from_str(&given).unwrap();
        let handed = serde_json::to_string(&instance(&sent)).unwrap();
        assert!(handed.contains(r#""Mode":"direct""#), "{handed}");
    }

    #[test]
    fn the_fields_of_a_definition_stay() {
        let text = r#"{"Interval":10000000000,"Timeout":"1m","HTTP":"http://x","Header":{"A":["b"]},"TLSSkipVerify":true,"H2PING":"y"}"#;
        let sent: CheckDefinition = serde_json::from_str(text).unwrap();
        let handed = serde_json::to_string(&definition(&sent, false)).unwrap();
        let expected = r#"{"Interval":"10s","Timeout":"1m0s","DeregisterCriticalServiceAfter":"0s","HTTP":"http://x","Header":{"A":["b"]},"Method":"","Body":"","TLSSkipVerify":true,"TCP":"","H2PING":"y"}"#;
        assert_eq!(handed, expected);
    }

    #[test]
    fn an_empty_datacenter_of_an_upstream_is_omitted() {
        let text = r#"{"ID":"p","Service":"p","Port":1,"Address":"","EnableTagOverride":false,"Proxy":{"Upstreams":[{"DestinationName":"db","Datacenter":""}]}}"#;
        let sent: ServiceInstance = serde_json::from_str(text).unwrap();
        let handed = serde_json::to_string(&instance(&sent)).unwrap();
        assert_eq!(handed, text.replace(r#","Datacenter":"""#, ""));
    }
}
