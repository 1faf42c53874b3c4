//! The writer of the watched keys.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use consul_watch_harness::Http;
use consul_watch_harness::random::{Choices, Rng};

use crate::history::History;

pub(crate) const ROOT: &str = "torture";
pub(crate) const FOLDERS: [&str; 3] = ["torture/p0", "torture/p1", "torture/p2"];
pub(crate) const KEYS: [&str; 3] = ["torture/k0", "torture/k1", "torture/k2"];
const IN_FOLDER: u64 = 15;

/// Writes and deletes while `going`. A write that Consul refuses is not repeated.
pub(crate) fn write(
    http: &Http,
    mut random: Rng,
    name: &str,
    history: &History,
    going: &AtomicBool,
) {
    let http = http.clone().with_timeout(Duration::from_secs(5));
    let mut last: HashMap<String, String> = HashMap::new();
    let mut burst = 0;
    while going.load(Ordering::SeqCst) {
        let key = if random.one_in(4) {
            random.pick(&KEYS).to_owned()
        } else {
            format!("{}/{}", random.pick(&FOLDERS), random.u64(..IN_FOLDER))
        };
        let done = match random.u64(..100) {
            0 => {
                let folder = format!("{}/", random.pick(&FOLDERS));
                history.remove(&[&folder], || http.try_delete_tree(&folder))
            }
            1..=15 => history.remove(&[&key], || http.try_delete(&key)),
            choice => {
                // Sometimes the last value again: no change, unless the key was deleted.
                let again = last.get(&key).filter(|_| choice < 30).cloned();
                let value = again.unwrap_or_else(|| history.value(name, random.usize(..200)));
                let done = history.write(&[&key], || http.try_put(&key, value.as_bytes()));
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
                random.u64(..100)
            } else {
                0
            };
            thread::sleep(random.up_to_ms(30));
        }
    }
}
