//! Signals to child processes.

use std::io;
use std::process::Child;

use rustix::process::{Pid, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};

pub use rustix::process::Signal;

/// Sends a signal to a child that nobody has waited for yet.
///
/// # Errors
///
/// The system's error, such as that there is no such process.
pub fn signal(child: &Child, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::other("the child has no process id"))?;
    Ok(kill_process(pid, signal)?)
}

/// Kills a child that was started in a process group of its own, and everything else in this group.
///
/// # Errors
///
/// The system's error, such as that there is no such group.
pub fn kill_group(child: &Child) -> io::Result<()> {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let group = group.ok_or_else(|| io::Error::other("the child has no process id"))?;
    Ok(kill_process_group(group, Signal::KILL)?)
}

/// Whether a SIGSTOP sent before has reached every thread of a child; the system reports it once.
pub(crate) fn has_stopped(child: &Child) -> bool {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| {
        let status = waitid(
            WaitId::Pid(pid),
            WaitIdOptions::STOPPED | WaitIdOptions::NOHANG,
        );
        status.is_ok_and(|status| status.is_some_and(|status| status.stopped()))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_child_ends_by_the_signal_sent() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        signal(&child, Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::TERM.as_raw()));
    }
}
