//! [`ProcessGroup`]: a child and all that it forked.

use std::{cell::Cell, fs, time::Duration};

use rustix::{
    io::Errno,
    process::{Pid, kill_process_group, test_kill_process_group},
};
use tokio::time::sleep;

use super::program_guard;
use crate::handlers::Signal;

/// The process group that a child leads. Dropped while the child is running, it kills the whole group.
///
/// The system does not reuse the id of a group as long as its leader was not waited for or another member
/// lives. After that it assigns ids in a circle, so an id is not assigned again within the time between two
/// checks.
#[derive(Debug)]
pub(super) struct ProcessGroup {
    leader: Pid,
    over: bool,
    /// Whether the warning about a group of another user was logged.
    warned: Cell<bool>,
}

/// The time between two checks of a group that could not be ended.
const LEFT_INTERVAL: Duration = Duration::from_millis(200);

/// The members of a group, as far as this process may see and signal them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Members {
    /// None runs. Members that have exited and were not reaped do not count.
    None,
    /// At least one runs.
    Some,
    /// The system refuses signals to all that are left: they run as another user, as below `sudo`.
    Forbidden,
}

impl ProcessGroup {
    /// Returns the group of the child with this process id.
    pub(super) fn led_by(child: u32) -> Option<Self> {
        let leader = i32::try_from(child).ok().and_then(Pid::from_raw)?;
        program_guard::add(leader);
        Some(Self {
            leader,
            over: false,
            warned: Cell::new(false),
        })
    }

    /// Sends a signal to every member. An empty group is no error.
    ///
    /// Returns false if the system forbids it for all members.
    pub(super) fn signal(&self, signal: Signal) -> bool {
        match kill_process_group(self.leader, signal.inner()) {
            Err(Errno::PERM) => {
                if !self.warned.replace(true) {
                    tracing::warn!(
                        group = self.leader.as_raw_pid(),
                        %signal,
                        "the handler's processes run as another user (sudo, su), who may not be signalled: they are \
                         left alone; end them with a time limit of their own, such as timeout(1) inside sudo"
                    );
                }
                false
            }
            Err(error) if error != Errno::SRCH => {
                tracing::warn!(group = self.leader.as_raw_pid(), %signal, %error, "the signal was not sent");
                true
            }
            _ => true,
        }
    }

    /// Asks every member to exit, including those that are stopped. Returns as [`signal`](Self::signal) does.
    pub(super) fn terminate(&self, by: Signal) -> bool {
        let allowed = self.signal(by);
        if allowed {
            self.signal(Signal::CONT);
        }
        allowed
    }

    /// Looks for members.
    pub(super) fn members(&self) -> Members {
        match test_kill_process_group(self.leader) {
            Err(Errno::SRCH) => Members::None,
            Err(Errno::PERM) => Members::Forbidden,
            // A zombie can be signalled. Where /proc does not tell, all members count as running.
            _ if has_running_member(self.leader) == Some(false) => Members::None,
            _ => Members::Some,
        }
    }

    /// Returns what this process may not end.
    pub(super) fn left(&self) -> Option<LeftGroup> {
        (self.members() == Members::Forbidden).then_some(LeftGroup(self.leader))
    }

    /// Leaves the remaining members alone.
    pub(super) fn release(mut self) {
        self.over = true;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if !self.over {
            self.signal(Signal::KILL);
        }
        program_guard::remove(self.leader);
    }
}

/// A group whose members run as another user, and could not be ended.
#[derive(Debug)]
pub(in crate::handlers) struct LeftGroup(Pid);

impl LeftGroup {
    /// Waits until no member runs.
    pub(in crate::handlers) async fn ended(self) {
        tracing::warn!(
            group = self.0.as_raw_pid(),
            "the program is not started again before the processes that were left alone have ended"
        );
        while test_kill_process_group(self.0) != Err(Errno::SRCH)
            && has_running_member(self.0) != Some(false)
        {
            sleep(LEFT_INTERVAL).await;
        }
    }
}

/// Returns whether a member of the group runs, and is no zombie that nobody has reaped; `None` without `/proc`.
fn has_running_member(group: Pid) -> Option<bool> {
    let group = group.as_raw_pid().to_string();
    let mut seen = false;
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let is_process = entry
            .file_name()
            .as_encoded_bytes()
            .iter()
            .all(u8::is_ascii_digit);
        if !is_process {
            continue;
        }
        // It may have exited since.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // The name, in parentheses, may hold anything. Behind it: state, parent, group.
        let Some((_, rest)) = stat.rsplit_once(") ") else {
            continue;
        };
        seen = true;
        let mut fields = rest.split(' ');
        let running = !matches!(fields.next(), Some("Z" | "X" | "x"));
        if running && fields.nth(1) == Some(&group) {
            return Some(true);
        }
    }
    seen.then_some(false)
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::CommandExt, process::Command};

    use super::*;

    #[test]
    fn a_zombie_is_no_member() {
        let mut child = Command::new("sh")
            .args(["-c", "read x"])
            .stdin(std::process::Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let group = ProcessGroup::led_by(child.id()).unwrap();
        assert_eq!(group.members(), Members::Some);
        drop(child.stdin.take());
        // It exits and stays a zombie, since nobody waits for it.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while group.members() != Members::None {
            assert!(
                std::time::Instant::now() < deadline,
                "{:?}",
                group.members()
            );
            std::thread::yield_now();
        }
        assert_eq!(test_kill_process_group(group.leader), Ok(()));
        child.wait().unwrap();
        group.release();
    }
}
