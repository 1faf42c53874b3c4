//! [`Terminal`]: the terminal that the daemon was started from.

use std::fs::{self, File};

/// The terminal that this process was started from, and with which it ends.
#[derive(Debug)]
pub(super) struct Terminal {
    device: &'static str,
}

impl Terminal {
    /// Returns the terminal of this process; `None` without one, or if this process ignores that it is closed, as below
    /// `nohup`.
    pub(super) fn of_this_process() -> Option<Self> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let device = "/dev/tty";
        (File::open(device).is_ok() && !ignores_hang_up(&status)).then_some(Self { device })
    }

    /// Returns whether it has been closed.
    pub(super) fn is_closed(&self) -> bool {
        File::open(self.device).is_err()
    }
}

/// Returns whether a process with this `/proc/…/status` ignores SIGHUP.
fn ignores_hang_up(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // SIGHUP has the number 1, and with it the lowest bit.
    mask.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_sighup_is_found() {
        assert!(ignores_hang_up(
            "SigBlk:\t0\nSigIgn:\t0000000000001001\nSigCgt:\t1\n"
        ));
        assert!(!ignores_hang_up("SigIgn:\t0000000000001000\nSigCgt:\t1\n"));
        assert!(!ignores_hang_up(""));
    }
}
