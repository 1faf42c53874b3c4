//! [`ProcessGroup`]: a child and all that it forked.

use rustix::{
    io::Errno,
    process::{Pid, kill_process_group, test_kill_process_group},
};

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
}

impl ProcessGroup {
    /// Returns the group of the child with this process id.
    pub(super) fn led_by(child: u32) -> Option<Self> {
        let leader = i32::try_from(child).ok().and_then(Pid::from_raw)?;
        Some(Self {
            leader,
            over: false,
        })
    }

    /// Sends a signal to every member. An empty group is no error.
    pub(super) fn signal(&self, signal: Signal) {
        if let Err(error) = kill_process_group(self.leader, signal.inner())
            && error != Errno::SRCH
        {
            // A member runs as another user. The others received it.
            tracing::debug!(group = self.leader.as_raw_pid(), %signal, %error, "the signal did not reach every member of the group");
        }
    }

    /// Asks every member to exit, including those that are stopped.
    pub(super) fn terminate(&self, by: Signal) {
        self.signal(by);
        self.signal(Signal::CONT);
    }

    /// Whether it has a member.
    pub(super) fn is_alive(&self) -> bool {
        test_kill_process_group(self.leader) != Err(Errno::SRCH)
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
    }
}
