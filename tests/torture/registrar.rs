//! The writer of nodes, services and checks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use consul_watch_harness::Http;
use consul_watch_harness::random::{Choices, Rng};
use serde_json::json;

use crate::catalog::SERVICES;
use crate::history::History;
use crate::state::META;

/// The first one is never deregistered, nor is the instance of the last service on it: what lasts shows best what is
/// falsely removed.
const NODES: [&str; 4] = ["torture-n0", "torture-n1", "torture-n2", "torture-n3"];
const LASTING: (&str, &str) = ("torture-n0", "torture-db");

/// One per service that the writers do not touch.
const MARKED: [&str; 3] = ["torture-m0", "torture-m1", "torture-m2"];

const STATUS: [&str; 3] = ["passing", "warning", "critical"];

/// The place of one service on one node.
struct Place<'a> {
    node: &'a str,
    service: &'a str,
    id: &'a str,
}

impl Place<'_> {
    /// Registers an instance and its check.
    fn register(&self, http: &Http, history: &History, value: &str, status: &str) -> bool {
        let Self { node, service, id } = self;
        let check = format!("{id}-check");
        let stamp = value.split(' ').next();
        let body = json!({
            "Node": node,
            "Address": "10.0.0.1",
            "NodeMeta": { META: value },
            "Service": { "ID": id, "Service": service, "Tags": [stamp], "Meta": { META: value } },
            "Check": { "CheckID": check, "Name": check, "ServiceID": id, "Status": status, "Output": value },
        });
        let (passing, critical) = (
            format!("passing/{node}/{id}"),
            format!("critical/{node}/{check}"),
        );
        let mut names = vec![
            format!("node/{node}"),
            format!("instance/{node}/{id}"),
            format!("check/{node}/{check}"),
            format!("service/{service}"),
        ];
        let mut ended = Vec::new();
        for (name, state) in [(passing, "passing"), (critical, "critical")] {
            if status == state {
                &mut names
            } else {
                &mut ended
            }
            .push(name);
        }
        let register = || http.try_put_json("/v1/catalog/register", &body).map(drop);
        // A request that fails may be carried out later, and end a state then.
        history.replace(&names, &ended, register)
    }

    /// Deregisters the instance, its check alone or its node; not what lasts.
    fn deregister(&self, http: &Http, history: &History, random: &mut Rng) -> bool {
        let Self { node, service, id } = self;
        let check = format!("{id}-check");
        let lasts = (*node, *service) == LASTING;
        let (body, gone) = match random.u64(..4) {
            0 if *node != LASTING.0 => (json!({ "Node": node }), vec![format!("node/{node}")]),
            1 | 2 if !lasts => (
                json!({ "Node": node, "ServiceID": id }),
                vec![format!("instance/{node}/{id}")],
            ),
            _ => (
                json!({ "Node": node, "CheckID": check }),
                vec![format!("check/{node}/{check}")],
            ),
        };
        // The service goes with its last instance.
        let services = SERVICES.iter().map(|(name, _)| *name);
        let services = services.filter(|name| *name != LASTING.1);
        let gone = gone
            .into_iter()
            .chain(services.map(|name| format!("service/{name}")));
        let gone: Vec<_> = gone.collect();
        let deregister = || http.try_put_json("/v1/catalog/deregister", &body).map(drop);
        history.replace(&[], &gone, deregister)
    }
}

/// Registers and deregisters while `going`. A request that Consul refuses is not repeated.
pub(crate) fn register(
    http: &Http,
    mut random: Rng,
    name: &str,
    history: &History,
    going: &AtomicBool,
) {
    let http = http.clone().with_timeout(Duration::from_secs(5));
    while going.load(Ordering::SeqCst) {
        let (service, id) = random.pick(&SERVICES);
        let node = random.pick(&NODES);
        let place = Place { node, service, id };
        let done = if random.one_in(5) {
            place.deregister(&http, history, &mut random)
        } else {
            let status = match random.u64(..10) {
                _ if id == "sick" => "critical",
                0..7 => "passing",
                _ => random.pick(&STATUS),
            };
            let value = history.value(name, random.usize(..100));
            place.register(&http, history, &value, status)
        };
        thread::sleep(if done {
            random.up_to_ms(60)
        } else {
            Duration::from_millis(20)
        });
    }
}

/// Changes each service once, on a node of its own.
///
/// # Panics
///
/// When Consul refuses it.
pub(crate) fn mark(http: &Http, history: &History, value: &str) {
    for ((service, id), node) in SERVICES.into_iter().zip(MARKED) {
        let place = Place { node, service, id };
        let status = if id == "sick" { "critical" } else { "passing" };
        assert!(
            place.register(http, history, value, status),
            "{node} is registered"
        );
    }
}
