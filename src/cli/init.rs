//! The first process of a container, which reaps the processes that others leave behind.
//!
//! Programs of handlers leave processes behind (`daemon &`), whose new parent is the first process. It has to wait for
//! each of them, and must not take the exit status of a handler from the code that waits for that. So it is a process
//! of its own: it starts this program again, passes signals on, and exits as that does.

use std::{
    env,
    ffi::OsString,
    io,
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
};

use rustix::process::{
    Pid, Signal, WaitOptions, child_subreaper, getpid, getppid, kill_process,
    set_parent_process_death_signal, wait,
};
use tokio::signal::unix::{SignalKind, signal};

use super::error::CliError;

/// The variable with the process id of the first process. Handlers do not inherit it.
const PARENT: &str = "CONSUL_WATCH_INIT";

/// The signals that are passed on.
const FORWARDED: [Signal; 8] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::USR1,
    Signal::USR2,
    Signal::ALARM,
    Signal::WINCH,
];

/// Runs this program again below this process if orphans become children of this process. Returns the exit status of
/// that; `None` if this process is to run the watches itself.
pub(super) fn run_below() -> Option<Result<ExitCode, CliError>> {
    if let Some(parent) = env::var_os(PARENT) {
        end_with(&parent);
        return None;
    }
    let adopts = getpid() == Pid::INIT || child_subreaper().is_ok_and(|reaper| reaper.is_some());
    adopts.then(|| {
        let cannot = |error| CliError::Io("cannot run as the first process", error);
        actix::System::new().block_on(supervise()).map_err(cannot)
    })
}

/// Ends this process with the first one, if that is no first process to the system.
fn end_with(parent: &OsString) {
    // Without it, the handlers' guard still ends the handlers.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let expected = parent.to_str().and_then(|id| id.parse().ok());
    if getppid().map(Pid::as_raw_pid) != expected {
        std::process::exit(128 + Signal::KILL.as_raw());
    }
}

async fn supervise() -> io::Result<ExitCode> {
    let mut children = signal(SignalKind::child())?;
    let (sender, mut signals) = tokio::sync::mpsc::unbounded_channel();
    for forwarded in FORWARDED {
        let mut stream = signal(SignalKind::from_raw(forwarded.as_raw()))?;
        let sender = sender.clone();
        actix::spawn(async move {
            while stream.recv().await.is_some() && sender.send(forwarded).is_ok() {}
        });
    }
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_else(|| "consul-watch".into());
    // The system's init is needed no more than its exit status, which is waited for below.
    let child = Command::new("/proc/self/exe")
        .arg0(name)
        .args(arguments)
        .env(PARENT, getpid().as_raw_pid().to_string())
        .spawn()?;
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let Some(id) = id else {
        return Err(io::Error::other("the child has no number"));
    };
    loop {
        if let Some(status) = reap(id)? {
            return Ok(status);
        }
        tokio::select! {
            _ = children.recv() => {}
            forwarded = signals.recv() => if let Some(forwarded) = forwarded {
                // It may have ended already.
                let _ = kill_process(id, forwarded);
            }
        }
    }
}

/// Reaps all children that have ended, and returns the exit status of the main one.
fn reap(main: Pid) -> io::Result<Option<ExitCode>> {
    while let Some((id, status)) = wait(WaitOptions::NOHANG)? {
        if id == main {
            let signal = status.terminating_signal().map(|signal| 128 + signal);
            let code = signal.or(status.exit_status()).unwrap_or_default();
            return Ok(Some(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))));
        }
    }
    Ok(None)
}
