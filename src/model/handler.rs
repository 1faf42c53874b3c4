//! Values as `consul watch` and the agent's `watches` stanza pass them to a handler.
//!
//! Consul converts the answers of its API through structs of its client library, which changes the JSON.
//! Measured on Consul 1.8.7, against the JSON of the API:
//!
//! | values | JSON for the handler |
//! |---|---|
//! | services, nodes, events, roots, leaves | the same |
//! | checks, also within a service's entries | `Definition` always has `Interval`, `Timeout` and `DeregisterCriticalServiceAfter` (`"0s"`), `HTTP`, `Header` (`null`), `Method`, `Body`, `TLSSkipVerify` and `TCP` |
//! | upstreams of a proxy | an empty `Datacenter` is omitted |
//!
//! Later releases of Consul add more such fields. This module writes those of 1.8.7, and all other fields that
//! the API sent.
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
    if handed.proxy.is_given() {
        let mut proxy = handed.proxy.into_inner();
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
    handed.definition = definition(&check.definition).into();
    handed
}

fn definition(sent: &CheckDefinition) -> CheckDefinition {
    let mut handed = sent.clone();
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
    fn the_fields_of_a_definition_stay() {
        let text = r#"{"Interval":10000000000,"Timeout":"1m","HTTP":"http://x","Header":{"A":["b"]},"TLSSkipVerify":true,"H2PING":"y"}"#;
        let sent: CheckDefinition = serde_json::from_str(text).unwrap();
        let handed = serde_json::to_string(&definition(&sent)).unwrap();
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
