//! The thread that changes the rights of the watches' token.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use consul_watch_harness::random::{Choices, Rng};
use consul_watch_harness::{DEADLINE, Rights, eventually};

use crate::fault_injector::InjectedFaults;
use crate::faults::Fault;

/// Rules that allow less than all: each lacks something that is watched.
const CUT: [&str; 7] = [
    r#"service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }"#,
    r#"key_prefix "torture" { policy = "read" } node_prefix "" { policy = "read" }"#,
    r#"key_prefix "torture" { policy = "read" } service_prefix "" { policy = "read" }"#,
    r#"key_prefix "torture/p0" { policy = "read" } service "torture-web" { policy = "read" } node_prefix "" { policy = "read" }"#,
    r#"key_prefix "torture" { policy = "read" } key "torture/p1/1" { policy = "deny" } service_prefix "torture" { policy = "read" } node_prefix "torture" { policy = "read" }"#,
    r#"key "torture/k0" { policy = "read" } service "torture-db" { policy = "read" } node "torture-n0" { policy = "read" } node "torture-n1" { policy = "read" }"#,
    "",
];

/// Changes rights while `going`; then the token has all again.
pub(crate) fn change(rights: &Rights, mut random: Rng, going: &AtomicBool) -> InjectedFaults {
    let mut changes = InjectedFaults::new();
    let mut cut = false;
    while going.load(Ordering::SeqCst) {
        let (fault, done) = match random.u64(..4) {
            0 => {
                cut = true;
                let rules = random.pick(&CUT);
                let done = if rules.is_empty() {
                    rights.unlink()
                } else {
                    rights.cut(rules)
                };
                (Fault::RightsCut, done)
            }
            1 if cut => {
                cut = false;
                (Fault::RightsGranted, rights.grant())
            }
            // It would grant what is cut.
            _ if cut => {
                thread::sleep(random.up_to_ms(1000));
                continue;
            }
            _ => {
                let key = random.u64(..).to_string();
                (Fault::PolicyTouched, rights.update_harmlessly(&key))
            }
        };
        if done.is_ok() {
            *changes.entry(fault).or_default() += 1;
        }
        thread::sleep(Duration::from_millis(300) + random.up_to_ms(1500));
    }
    eventually(DEADLINE, "the rights are granted again", || {
        rights.grant().is_ok()
    });
    changes
}
