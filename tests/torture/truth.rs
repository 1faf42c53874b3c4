//! Consul's own state, without the watches.

use std::sync::Arc;

use consul_watch::model::{CheckStatus, HealthCheck, Node, ServiceEntry, ServiceList};
use consul_watch_harness::Http;
use serde::de::DeserializeOwned;

use crate::catalog::SERVICES;
use crate::state::{self, Entry, State};
use crate::writer::ROOT;

/// Returns all that Consul has.
///
/// # Panics
///
/// When Consul does not answer.
pub(crate) fn of(http: &Http) -> State {
    let mut all = State::new();
    for pair in http.list(ROOT) {
        let entry = Entry {
            created: pair.create_index,
            value: pair.value,
        };
        all.insert(pair.key, entry);
    }
    let nodes: Vec<Arc<Node>> = read(http, "/v1/catalog/nodes");
    all.extend(state::nodes(&nodes));
    let services: ServiceList = read(http, "/v1/catalog/services");
    all.extend(state::services(&services));
    let checks: Vec<Arc<HealthCheck>> = read(http, "/v1/health/state/any");
    all.extend(state::checks("check", &checks));
    let critical = |check: &&Arc<HealthCheck>| check.status == CheckStatus::Critical;
    all.extend(state::checks("critical", checks.iter().filter(critical)));
    for (name, _) in SERVICES {
        let entries: Vec<Arc<ServiceEntry>> = read(http, &format!("/v1/health/service/{name}"));
        all.extend(state::instances("instance", &entries));
        let passing = entries.iter().filter(|entry| state::passes(entry));
        all.extend(state::instances("passing", passing));
    }
    all
}

fn read<T: DeserializeOwned>(http: &Http, target: &str) -> T {
    serde_json::from_value(http.get_json(target)).expect("Consul's JSON")
}
