//! The history of writes and deletions, by which a delivery can be true or not.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A failed request may still be carried out, by an agent that was paused, when it resumes.
const LATE: Duration = Duration::from_secs(10);

/// All keys, for an agent that lost its data.
pub(crate) const EVERYTHING: &str = "";

/// Every value carries the time of its write; of the deletions the last of each key is enough.
pub(crate) struct History {
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

impl History {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            gone: Mutex::default(),
            puts: 0.into(),
            deletes: 0.into(),
        }
    }

    /// Returns a unique value to be written now.
    pub(crate) fn value(&self, by: &str, size: usize) -> String {
        format!("{} {by} {:.<size$}", self.start.elapsed().as_micros(), "")
    }

    /// Deletes a key, a folder (`a/b/`) or [`EVERYTHING`], and records the time.
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

    /// Whether a key that had this value may have been deleted since.
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

    /// Returns the time of a value's write; `None` for a value that was not written here.
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
    let history = History::new();
    let before = history.value("w", 3);
    assert!(!history.may_be_gone("a/b/c", before.as_bytes()));
    history.delete("a/b/", || Ok::<(), ()>(()));
    std::thread::sleep(Duration::from_micros(10));
    let after = history.value("w", 3);
    assert!(history.may_be_gone("a/b/c", before.as_bytes()));
    assert!(!history.may_be_gone("a/b/c", after.as_bytes()));
    assert!(!history.may_be_gone("a/c", before.as_bytes()));
    assert!(!history.may_be_gone("a/b/c", b"not written here"));
    history.delete(EVERYTHING, || {
        assert!(
            history.may_be_gone("a/c", after.as_bytes()),
            "while the deletion runs"
        );
        Ok::<(), ()>(())
    });
}
