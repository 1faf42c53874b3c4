//! The peak of the process's memory.

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One mebibyte.
pub(crate) const MIB: usize = 1024 * 1024;

/// The peak is the whole process's, so tests take turns.
static TURN: Mutex<()> = Mutex::new(());

/// Measures the growth since its creation; others wait for its end.
pub(crate) struct Memory {
    before: usize,
    _turn: MutexGuard<'static, ()>,
}

impl Memory {
    pub(crate) fn start() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            before: peak_from_now(),
            _turn: turn,
        }
    }

    /// Measures from now on.
    pub(crate) fn restart(&mut self) {
        self.before = peak_from_now();
    }

    /// Fails if the process has grown by more than this since the start.
    #[track_caller]
    pub(crate) fn grew_at_most(&self, bytes: usize, what: &str) {
        let grew = status("VmHWM:").saturating_sub(self.before);
        println!("{what}: {} MiB", grew / MIB);
        assert!(
            grew <= bytes,
            "{what} took {} MiB, more than {} MiB",
            grew / MIB,
            bytes / MIB
        );
    }
}

/// Resets the peak to what is held now, and returns that.
fn peak_from_now() -> usize {
    fs::write("/proc/self/clear_refs", "5").expect("Linux resets the peak");
    status("VmHWM:")
}

fn status(name: &str) -> usize {
    let all = fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = all
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .expect("a line of its own");
    let kib: usize = line
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number of KiB");
    kib * 1024
}
