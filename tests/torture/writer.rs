//! Those who change what is watched.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use consul_watch_harness::Http;

use crate::ledger::Ledger;
use crate::random::Random;

pub(crate) const ROOT: &str = "torture";
pub(crate) const FOLDERS: [&str; 3] = ["torture/p0", "torture/p1", "torture/p2"];
pub(crate) const KEYS: [&str; 3] = ["torture/k0", "torture/k1", "torture/k2"];
const IN_FOLDER: u64 = 15;

/// Writes and deletes until told to end. What Consul does not take now is not tried again.
pub(crate) fn write(
    http: &Http,
    mut random: Random,
    name: &str,
    ledger: &Ledger,
    going: &AtomicBool,
) {
    let http = http.clone().with_timeout(Duration::from_secs(5));
    let mut last: HashMap<String, String> = HashMap::new();
    let mut burst = 0;
    while going.load(Ordering::SeqCst) {
        let key = if random.one_in(4) {
            random.pick(&KEYS).to_owned()
        } else {
            format!("{}/{}", random.pick(&FOLDERS), random.below(IN_FOLDER))
        };
        let done = match random.below(100) {
            0 => {
                let folder = format!("{}/", random.pick(&FOLDERS));
                ledger.delete(&folder, || http.try_delete_tree(&folder))
            }
            1..=15 => ledger.delete(&key, || http.try_delete(&key)),
            choice => {
                // Sometimes what was written before: no change, and after a deletion one.
                let again = last.get(&key).filter(|_| choice < 30).cloned();
                let value = again.unwrap_or_else(|| ledger.value(name, random.index(200)));
                let done = http.try_put(&key, value.as_bytes()).is_ok();
                ledger.puts.fetch_add(u64::from(done), Ordering::Relaxed);
                last.insert(key, value);
                done
            }
        };
        if !done {
            thread::sleep(Duration::from_millis(20));
        } else if burst > 0 {
            burst -= 1;
        } else {
            burst = if random.one_in(100) {
                random.below(100)
            } else {
                0
            };
            thread::sleep(random.up_to_ms(30));
        }
    }
}
