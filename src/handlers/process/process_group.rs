//! A process group of ours.

use rustix::{
    io::Errno,
    process::{Pid, kill_process_group, test_kill_process_group},
};

use crate::handlers::Signal;

/// The group that a child leads. Dropped while the child is running, it kills the whole group.
///
/// The system keeps a group's number from being given away while its leader has not been waited for or any
/// other member lives; after that, numbers are given out in a circle, so that the moment until the next look
/// is far too short for ours to come round again.
#[derive(Debug)]
pub(super) struct ProcessGroup {
    leader: Pid,
    over: bool,
}

impl ProcessGroup {
    /// The group of the child with this number.
    pub(super) fn led_by(child: u32) -> Option<Self> {
        let leader = i32::try_from(child).ok().and_then(Pid::from_raw)?;
        Some(Self {
            leader,
            over: false,
        })
    }

    /// Sends a signal to every member; that there is none is fine.
    pub(super) fn signal(&self, signal: Signal) {
        if let Err(error) = kill_process_group(self.leader, signal.inner())
            && error != Errno::SRCH
        {
            // A member that runs as somebody else; the others got it.
            tracing::debug!(group = self.leader.as_raw_pid(), %signal, %error, "signal not delivered to all");
        }
    }

    /// Asks every member to end, those that are stopped too.
    pub(super) fn terminate(&self, by: Signal) {
        self.signal(by);
        self.signal(Signal::CONT);
    }

    /// Whether it has a member.
    pub(super) fn is_alive(&self) -> bool {
        test_kill_process_group(self.leader) != Err(Errno::SRCH)
    }

    /// What is left of it is none of our business.
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
