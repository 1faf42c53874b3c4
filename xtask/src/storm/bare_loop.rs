//! A blocking loop without any protection: what each program writes at first.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use consul_watch_harness::Http;
use serde_json::Value;

use super::receiver::Deliveries;

/// The pause after an error.
const PAUSE: Duration = Duration::from_millis(500);

/// Starts a loop for each target, which ends with the flag.
pub(super) fn start(
    http: &Http,
    targets: Vec<String>,
    wait: &str,
    deliveries: &Deliveries,
    ended: &Arc<AtomicBool>,
) {
    for (watch, target) in targets.into_iter().enumerate() {
        let (http, deliveries, ended) = (http.clone(), deliveries.clone(), Arc::clone(ended));
        let wait = wait.to_owned();
        thread::spawn(move || {
            let (mut index, mut known) = (0, Value::Null);
            while !ended.load(Ordering::Relaxed) {
                let target = format!("{target}?index={index}&wait={wait}");
                let reply = http.try_request("GET", &target, &[], b"");
                let Some(reply) = reply.ok().filter(|reply| reply.status == 200) else {
                    thread::sleep(PAUSE);
                    continue;
                };
                let next = reply.header("X-Consul-Index");
                index = next.and_then(|next| next.parse().ok()).unwrap_or(0);
                let list = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
                if list != known {
                    deliveries.record(watch, &list);
                    known = list;
                }
            }
        });
    }
}
