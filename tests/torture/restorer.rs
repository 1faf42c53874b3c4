//! The thread that takes snapshots and restores them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use consul_watch_harness::Http;
use consul_watch_harness::random::{Choices, Rng};

use crate::fault_injector::InjectedFaults;
use crate::faults::Fault;
use crate::history::{Content, History};

/// The snapshots that are kept to be restored.
const KEPT: usize = 3;

/// Takes and restores snapshots while `going`, now and then several in a row.
pub(crate) fn restore(
    http: &Http,
    history: &History,
    mut random: Rng,
    going: &AtomicBool,
) -> InjectedFaults {
    let http = http.clone().with_timeout(Duration::from_secs(10));
    let mut kept: Vec<(Vec<u8>, Content)> = Vec::new();
    let mut restored = 0;
    let mut storm = 0;
    while going.load(Ordering::SeqCst) {
        if storm == 0 {
            if let Some(taken) = history.snapshot(|| http.try_snapshot()) {
                kept.truncate(KEPT - 1);
                kept.insert(0, taken);
            }
            storm = if random.one_in(4) {
                random.u64(2..8)
            } else {
                1
            };
            thread::sleep(random.up_to_ms(3000));
        }
        storm -= 1;
        if !kept.is_empty() {
            let (snapshot, content) = &kept[random.usize(..kept.len())];
            restored += u64::from(history.restore(content, || http.try_restore(snapshot)));
        }
        thread::sleep(random.up_to_ms(500));
    }
    InjectedFaults::from([(Fault::SnapshotRestored, restored)])
}
