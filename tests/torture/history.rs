//! The history of writes and removals, by which a delivery can be true or not.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A failed request may still be carried out, by an agent that was paused, when it resumes.
const LATE: Duration = Duration::from_secs(15);

/// All that there is, for an agent that lost its data.
pub(crate) const EVERYTHING: &str = "";

/// Every value carries the time of its write; of the removals the last of each name is enough.
pub(crate) struct History {
    start: Instant,
    past: Mutex<Past>,
    pub(crate) puts: AtomicU64,
    pub(crate) deletes: AtomicU64,
}

#[derive(Default)]
struct Past {
    /// By name, the times between which Consul took its last write.
    written: HashMap<String, (Duration, Duration)>,
    gone: HashMap<String, Gone>,
    restores: Vec<Restore>,
}

#[derive(Clone, Copy, Default)]
struct Gone {
    running: usize,
    last: Option<Duration>,
}

/// The names of all that a snapshot holds for certain.
pub(crate) type Content = HashSet<String>;

/// A restore removes what its snapshot does not hold.
struct Restore {
    content: Content,
    /// `None` while it runs.
    end: Option<Duration>,
}

impl History {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            past: Mutex::default(),
            puts: 0.into(),
            deletes: 0.into(),
        }
    }

    /// Returns a unique value to be written now.
    pub(crate) fn value(&self, by: &str, size: usize) -> String {
        format!("{} {by} {:.<size$}", self.start.elapsed().as_micros(), "")
    }

    /// Writes everything that has one of these names, and records the times.
    pub(crate) fn write<E>(&self, names: &[&str], write: impl FnOnce() -> Result<(), E>) -> bool {
        let begin = self.start.elapsed();
        let done = write().is_ok();
        if done {
            let end = self.start.elapsed();
            let mut past = self.past();
            for name in names {
                let last = past.written.entry((*name).to_owned()).or_default();
                *last = (*last).max((begin, end));
            }
            self.puts
                .fetch_add(u64::from(!names.is_empty()), Ordering::Relaxed);
        }
        done
    }

    /// Removes what has these names: a key, a folder (`a/b/`), something of the catalog or [`EVERYTHING`]; and
    /// records the time.
    pub(crate) fn remove<E>(&self, names: &[&str], remove: impl FnOnce() -> Result<(), E>) -> bool {
        self.update(names, |gone| gone.running += 1);
        let done = remove().is_ok();
        let end = self.end(done);
        self.update(names, |gone| {
            gone.running -= 1;
            gone.last = gone.last.max(Some(end));
        });
        self.deletes
            .fetch_add(u64::from(done && !names.is_empty()), Ordering::Relaxed);
        done
    }

    /// Writes what has these names, by which what has those others ends.
    pub(crate) fn replace<E>(
        &self,
        names: &[String],
        ended: &[String],
        write: impl FnOnce() -> Result<(), E>,
    ) -> bool {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let ended: Vec<_> = ended.iter().map(String::as_str).collect();
        self.remove(&ended, || self.write(&names, write).then_some(()).ok_or(()))
    }

    /// Takes a snapshot, and returns the names of what it holds for certain.
    pub(crate) fn snapshot<T, E>(
        &self,
        take: impl FnOnce() -> Result<T, E>,
    ) -> Option<(T, Content)> {
        let begin = self.start.elapsed();
        let taken = take().ok()?;
        let past = self.past();
        let there = past.written.iter().filter(|(name, (since, until))| {
            // What was written before, and not removed since that write began.
            *until < begin && !past.may_be_gone(name, *since)
        });
        Some((taken, there.map(|(name, _)| name.clone()).collect()))
    }

    /// Restores a snapshot of this content, and records the time.
    pub(crate) fn restore<E>(
        &self,
        content: &Content,
        restore: impl FnOnce() -> Result<(), E>,
    ) -> bool {
        let place = {
            let mut past = self.past();
            let content = content.clone();
            past.restores.push(Restore { content, end: None });
            past.restores.len() - 1
        };
        let done = restore().is_ok();
        self.past().restores[place].end = Some(self.end(done));
        done
    }

    /// Whether something that had this value may have been removed since.
    pub(crate) fn may_be_gone(&self, name: &str, value: &[u8]) -> bool {
        // What Consul itself registered goes with all the rest only.
        let written = Self::written(value).unwrap_or_default();
        self.past().may_be_gone(name, written)
    }

    /// Whether an older state may have come back since this value was written.
    pub(crate) fn may_be_restored(&self, value: &[u8]) -> bool {
        let written = Self::written(value);
        let past = self.past();
        let mut restores = past.restores.iter();
        restores.any(|restore| restore.end.is_none() || restore.end >= written)
    }

    /// Returns the time of a value's write; `None` for a value that was not written here.
    pub(crate) fn written(value: &[u8]) -> Option<Duration> {
        let text = std::str::from_utf8(value).ok()?;
        let (stamp, _) = text.split_once(' ')?;
        stamp.parse().ok().map(Duration::from_micros)
    }

    fn end(&self, done: bool) -> Duration {
        self.start.elapsed() + if done { Duration::ZERO } else { LATE }
    }

    fn update(&self, names: &[&str], change: impl Fn(&mut Gone)) {
        let mut past = self.past();
        for name in names {
            change(past.gone.entry((*name).to_owned()).or_default());
        }
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Past {
    /// Whether something may have been removed after this time.
    fn may_be_gone(&self, name: &str, since: Duration) -> bool {
        let wholes = wholes(name);
        let mut names = std::iter::once(name).chain(wholes.iter().map(String::as_str));
        names.any(|name| {
            let gone = self.gone.get(name);
            gone.is_some_and(|gone| gone.running > 0 || gone.last >= Some(since))
        }) || self.restores.iter().any(|restore| {
            let may_remove = restore.end.is_none_or(|end| end >= since);
            may_remove && crate::state::is_ours(name) && !restore.content.contains(name)
        })
    }
}

/// Returns what a thing is a part of, with which it is removed.
fn wholes(name: &str) -> Vec<String> {
    let mut wholes = vec![EVERYTHING.to_owned()];
    let parts: Vec<_> = name.split('/').collect();
    match parts[..] {
        ["node" | "service", _] => {}
        ["instance" | "passing", node, id] => {
            wholes.extend([format!("node/{node}"), format!("instance/{node}/{id}")]);
        }
        ["check" | "critical", node, check] => {
            let id = check.trim_end_matches("-check");
            wholes.extend([
                format!("node/{node}"),
                format!("instance/{node}/{id}"),
                format!("check/{node}/{check}"),
            ]);
        }
        _ => {
            let folder = name.rsplit_once('/');
            wholes.extend(folder.map(|(folder, _)| format!("{folder}/")));
        }
    }
    wholes
}

#[cfg(test)]
mod tests {
    use super::*;

    const DONE: Result<(), ()> = Ok(());

    #[test]
    fn only_what_was_removed_after_it_was_written_may_be_gone() {
        let history = History::new();
        let before = history.value("w", 3);
        assert!(!history.may_be_gone("a/b/c", before.as_bytes()));
        history.remove(&["a/b/"], || DONE);
        std::thread::sleep(Duration::from_micros(10));
        let after = history.value("w", 3);
        assert!(history.may_be_gone("a/b/c", before.as_bytes()));
        assert!(!history.may_be_gone("a/b/c", after.as_bytes()));
        assert!(!history.may_be_gone("a/c", before.as_bytes()));
        history.remove(&[EVERYTHING], || {
            assert!(
                history.may_be_gone("a/c", after.as_bytes()),
                "while the removal runs"
            );
            DONE
        });
    }

    #[test]
    fn a_part_goes_with_its_whole() {
        let history = History::new();
        let value = history.value("w", 0);
        let gone = |name: &str| history.may_be_gone(name, value.as_bytes());
        history.remove(&["instance/n/web"], || DONE);
        assert!(gone("check/n/web-check") && gone("critical/n/web-check"));
        assert!(gone("passing/n/web") && gone("instance/n/web"));
        assert!(!gone("node/n") && !gone("instance/n/db") && !gone("check/n/db-check"));
        history.remove(&["node/n"], || DONE);
        assert!(gone("node/n") && gone("instance/n/db") && gone("check/n/db-check"));
        assert!(!gone("node/m"));
    }

    #[test]
    fn a_restore_removes_what_its_snapshot_lacks() {
        let history = History::new();
        let tick = || std::thread::sleep(Duration::from_micros(10));
        history.write(&["torture/there", "torture/deleted"], || DONE);
        tick();
        history.remove(&["torture/deleted"], || DONE);
        tick();
        let ((), content) = history.snapshot(|| DONE).expect("taken");
        history.write(&["torture/late"], || DONE);
        let value = history.value("w", 0);
        let gone = |name: &str| history.may_be_gone(name, value.as_bytes());
        assert!(!history.may_be_restored(value.as_bytes()));
        history.restore(&content, || DONE);
        assert!(history.may_be_restored(value.as_bytes()));
        assert!(gone("torture/late") && gone("torture/deleted"));
        assert!(!gone("torture/there") && !gone("node/server-2"));
        tick();
        assert!(!history.may_be_gone("torture/late", history.value("w", 0).as_bytes()));
    }
}
