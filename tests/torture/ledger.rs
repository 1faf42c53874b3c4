//! What was written and deleted, as far as it tells which deliveries can be true.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A request that failed may still be carried out: by an agent that was paused, when it goes on.
const LATE: Duration = Duration::from_secs(10);

/// The whole of it, for an agent that lost its data.
pub(crate) const EVERYTHING: &str = "";

/// Every value carries the time it was written at; of the deletions the last of each key is enough.
pub(crate) struct Ledger {
    start: Instant,
    gone: Mutex<HashMap<String, Gone>>,
    pub(crate) puts: AtomicU64,
    pub(crate) deletes: AtomicU64,
}

#[derive(Clone, Copy, Default)]
struct Gone {
    running: usize,
    last: Option<Duration>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            gone: Mutex::default(),
            puts: 0.into(),
            deletes: 0.into(),
        }
    }

    /// A value to be written now, that nobody else writes.
    pub(crate) fn value(&self, by: &str, size: usize) -> String {
        format!("{} {by} {:.<size$}", self.start.elapsed().as_micros(), "")
    }

    /// Carries out a deletion of a key, a folder (`a/b/`) or [`EVERYTHING`], and remembers when it was.
    pub(crate) fn delete<E>(&self, what: &str, delete: impl FnOnce() -> Result<(), E>) -> bool {
        self.update(what, |gone| gone.running += 1);
        let done = delete().is_ok();
        let end = self.start.elapsed() + if done { Duration::ZERO } else { LATE };
        self.update(what, |gone| {
            gone.running -= 1;
            gone.last = gone.last.max(Some(end));
        });
        self.deletes.fetch_add(u64::from(done), Ordering::Relaxed);
        done
    }

    /// Whether a key that had this value can have been deleted since.
    pub(crate) fn may_be_gone(&self, key: &str, value: &[u8]) -> bool {
        let Some(written) = Self::written(value) else {
            return false;
        };
        let gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = key.rsplit_once('/').map(|(folder, _)| format!("{folder}/"));
        [Some(key), folder.as_deref(), Some(EVERYTHING)]
            .into_iter()
            .flatten()
            .filter_map(|name| gone.get(name))
            .any(|gone| gone.running > 0 || gone.last >= Some(written))
    }

    /// When a value was written; `None` for one that nobody wrote.
    pub(crate) fn written(value: &[u8]) -> Option<Duration> {
        let (stamp, _) = std::str::from_utf8(value).ok()?.split_once(' ')?;
        stamp.parse().ok().map(Duration::from_micros)
    }

    fn update(&self, what: &str, change: impl FnOnce(&mut Gone)) {
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        change(gone.entry(what.to_owned()).or_default());
    }
}

#[test]
fn only_what_was_deleted_after_it_was_written_may_be_gone() {
    let ledger = Ledger::new();
    let before = ledger.value("w", 3);
    assert!(!ledger.may_be_gone("a/b/c", before.as_bytes()));
    ledger.delete("a/b/", || Ok::<(), ()>(()));
    std::thread::sleep(Duration::from_micros(10));
    let after = ledger.value("w", 3);
    assert!(ledger.may_be_gone("a/b/c", before.as_bytes()));
    assert!(!ledger.may_be_gone("a/b/c", after.as_bytes()));
    assert!(!ledger.may_be_gone("a/c", before.as_bytes()));
    assert!(!ledger.may_be_gone("a/b/c", b"what nobody wrote"));
    ledger.delete(EVERYTHING, || {
        assert!(
            ledger.may_be_gone("a/c", after.as_bytes()),
            "while it goes on"
        );
        Ok::<(), ()>(())
    });
}
