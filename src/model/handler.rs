//! Values as `consul watch` and the agent's `watches` hand them to a handler.
//!
//! Consul passes what its API answers through structs of its own client library before a handler gets it,
//! which changes it a little. Measured on Consul 1.8.7, against the API's own JSON:
//!
//! | in | the handler's JSON |
//! |---|---|
//! | services, nodes, events, roots, leaves | the same |
//! | checks, also within a service's entries | `Definition` always has `Interval`, `Timeout` and `DeregisterCriticalServiceAfter` (`"0s"`), `HTTP`, `Header` (`null`), `Method`, `Body`, `TLSSkipVerify` and `TCP` |
//! | upstreams of a proxy | an empty `Datacenter` is left out |
//!
//! Later Consuls add more such fields with every version of the library. Here those of 1.8.7 are written, and
//! with them whatever else the API sent.
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

/// A service's entries, for a handler of the type `service`.
pub fn entries(entries: &[Arc<ServiceEntry>]) -> Vec<ServiceEntry> {
    entries.iter().map(|entry| self::entry(entry)).collect()
}

/// Checks, for a handler of the type `checks`.
pub fn checks(checks: &[Arc<HealthCheck>]) -> Vec<HealthCheck> {
    checks.iter().map(|check| self::check(check)).collect()
}

/// An instance, for a handler of the type `agent_service`.
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
    fn a_definition_has_all_that_a_handler_knows() {
        let text = r#"{"Node":"n","CheckID":"c","Name":"","Status":"passing","Notes":"","Output":"","ServiceID":"","ServiceName":"","ServiceTags":[],"Type":"","Definition":{},"CreateIndex":1,"ModifyIndex":1}"#;
        let sent: HealthCheck = serde_json::from_str(text).unwrap();
        let handed = serde_json::to_string(&check(&sent)).unwrap();
        let expected = r#""Definition":{"Interval":"0s","Timeout":"0s","DeregisterCriticalServiceAfter":"0s","HTTP":"","Header":null,"Method":"","Body":"","TLSSkipVerify":false,"TCP":""}"#;
        assert_eq!(handed, text.replace(r#""Definition":{}"#, expected));
    }

    #[test]
    fn what_a_definition_says_stays() {
        let text = r#"{"Interval":10000000000,"Timeout":"1m","HTTP":"http://x","Header":{"A":["b"]},"TLSSkipVerify":true,"H2PING":"y"}"#;
        let sent: CheckDefinition = serde_json::from_str(text).unwrap();
        let handed = serde_json::to_string(&definition(&sent)).unwrap();
        let expected = r#"{"Interval":"10s","Timeout":"1m0s","DeregisterCriticalServiceAfter":"0s","HTTP":"http://x","Header":{"A":["b"]},"Method":"","Body":"","TLSSkipVerify":true,"TCP":"","H2PING":"y"}"#;
        assert_eq!(handed, expected);
    }

    #[test]
    fn an_upstream_without_a_datacenter_names_none() {
        let text = r#"{"ID":"p","Service":"p","Port":1,"Address":"","EnableTagOverride":false,"Proxy":{"Upstreams":[{"DestinationName":"db","Datacenter":""}]}}"#;
        let sent: ServiceInstance = serde_json::from_str(text).unwrap();
        let handed = serde_json::to_string(&instance(&sent)).unwrap();
        assert_eq!(handed, text.replace(r#","Datacenter":"""#, ""));
    }
}
