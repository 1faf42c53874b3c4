//! The guard: a small process that ends the programs of the handlers when this process has died without ending
//! them, as by SIGKILL.
//!
//! It reads process groups from a pipe whose other end only this process holds. When that end closes, it kills the
//! groups that are left. A program that was being started at that moment is found by its number in the environment.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{self, Read, Write},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio, exit},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};

/// The argument that makes this program a guard.
const ARGUMENT: &str = "--guard-programs";

/// The name of the guard in the list of processes. It is not that of this program, so that a signal to all
/// processes of that name leaves the guard alive.
const NAME: &str = "cw-guard";

/// The variable of a program with the number of its start.
const VARIABLE: &str = "CONSUL_WATCH_START";

/// The number and the interval of the searches for a program that was being started.
const SEARCHES: u32 = 20;
const SEARCH_INTERVAL: Duration = Duration::from_millis(25);

static IS_INSTALLED: AtomicBool = AtomicBool::new(false);
static STARTS: AtomicU32 = AtomicU32::new(0);
static GUARD: Mutex<Guard> = Mutex::new(Guard {
    process: None,
    groups: BTreeSet::new(),
    failed: false,
});

/// Ends the programs of handlers with this process, whatever ends it: SIGKILL, a crash, a closed terminal.
///
/// Call it first in `main`. The first program that a handler starts then starts this executable a second time, as
/// the guard. When this process dies, the guard kills the process groups of all programs that still run. Those
/// that have left their group, as daemons do, live on. Without this call, programs end with their handlers, but
/// outlive a process that has no time to end them. The command `consul-watch` calls it.
///
/// In the guard itself, this function does not return.
///
/// ```no_run
/// // At the beginning of `main`:
/// consul_watch::handlers::guard_programs();
/// ```
pub fn guard_programs() {
    let mut arguments = env::args_os();
    if arguments.next().is_some_and(|name| name == NAME)
        && arguments.next().is_some_and(|first| first == ARGUMENT)
    {
        // The system names it after the link that it was started by. Without a name it works too.
        let _ = fs::write("/proc/self/comm", NAME);
        let parent = arguments.next().and_then(|id| id.to_str()?.parse().ok());
        watch_over(parent.unwrap_or_default(), io::stdin().lock());
        exit(0);
    }
    IS_INSTALLED.store(true, Ordering::Relaxed);
}

/// The start of a program, which the guard knows of until the program's group is known or it has failed.
#[derive(Debug)]
pub(super) struct ProgramStart(Option<u32>);

impl ProgramStart {
    /// Notifies the guard of a program that is about to start.
    pub(super) fn begin(command: &mut Command) -> Self {
        if !IS_INSTALLED.load(Ordering::Relaxed) {
            return Self(None);
        }
        let number = STARTS.fetch_add(1, Ordering::Relaxed);
        command.env(VARIABLE, mark(std::process::id(), number));
        tell(Notice::Begun(number));
        Self(Some(number))
    }
}

impl Drop for ProgramStart {
    fn drop(&mut self) {
        if let Some(number) = self.0 {
            tell(Notice::Started(number));
        }
    }
}

/// Notifies the guard of a group that runs.
pub(super) fn add(group: Pid) {
    if IS_INSTALLED.load(Ordering::Relaxed) {
        tell(Notice::Added(group.as_raw_pid()));
    }
}

/// Notifies the guard of a group that has ended, or that may live on.
pub(super) fn remove(group: Pid) {
    if IS_INSTALLED.load(Ordering::Relaxed) {
        tell(Notice::Removed(group.as_raw_pid()));
    }
}

fn tell(notice: Notice) {
    let mut guard = GUARD.lock().unwrap_or_else(PoisonError::into_inner);
    guard.tell(notice);
}

/// A message to the guard: 5 bytes on its standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notice {
    Begun(u32),
    Started(u32),
    Added(i32),
    Removed(i32),
}

impl Notice {
    fn bytes(self) -> [u8; 5] {
        let (kind, number) = match self {
            Self::Begun(number) => (b'b', number.to_le_bytes()),
            Self::Started(number) => (b's', number.to_le_bytes()),
            Self::Added(group) => (b'+', group.to_le_bytes()),
            Self::Removed(group) => (b'-', group.to_le_bytes()),
        };
        let [a, b, c, d] = number;
        [kind, a, b, c, d]
    }

    fn read([kind, number @ ..]: [u8; 5]) -> Option<Self> {
        Some(match kind {
            b'b' => Self::Begun(u32::from_le_bytes(number)),
            b's' => Self::Started(u32::from_le_bytes(number)),
            b'+' => Self::Added(i32::from_le_bytes(number)),
            b'-' => Self::Removed(i32::from_le_bytes(number)),
            _ => return None,
        })
    }
}

/// This process's side of the guard.
struct Guard {
    process: Option<Child>,
    groups: BTreeSet<i32>,
    /// Whether it could not be started, which is logged once.
    failed: bool,
}

impl Guard {
    fn tell(&mut self, notice: Notice) {
        match notice {
            Notice::Added(group) => drop(self.groups.insert(group)),
            Notice::Removed(group) => drop(self.groups.remove(&group)),
            Notice::Begun(_) | Notice::Started(_) => {}
        }
        if self.write(notice).is_ok() {
            return;
        }
        // It was killed, or is not there yet.
        if let Some(mut old) = self.process.take() {
            let _ = old.kill();
            let _ = old.wait();
        }
        if let Err(error) = self.start().and_then(|()| self.write(notice))
            && !std::mem::replace(&mut self.failed, true)
        {
            tracing::warn!(%error, "no guard of the handlers' programs: they would outlive a SIGKILL of this process");
        }
    }

    fn start(&mut self) -> io::Result<()> {
        let mut process = Command::new("/proc/self/exe")
            .arg0(NAME)
            .arg(ARGUMENT)
            .arg(std::process::id().to_string())
            .env_clear()
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(pipe) = &process.stdin {
            // A guard that has stopped must not stop this process.
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        let known: Vec<u8> = self
            .groups
            .iter()
            .flat_map(|group| Notice::Added(*group).bytes())
            .collect();
        let told = process.stdin.as_mut().map(|pipe| pipe.write_all(&known));
        self.process = Some(process);
        told.unwrap_or(Ok(()))
    }

    fn write(&mut self, notice: Notice) -> io::Result<()> {
        match self
            .process
            .as_mut()
            .and_then(|process| process.stdin.as_mut())
        {
            Some(pipe) => pipe.write_all(&notice.bytes()),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

/// The guard's side: reads notices until the pipe closes, and kills what is left.
fn watch_over(parent: u32, mut notices: impl Read) {
    let (mut groups, mut starts) = (BTreeSet::new(), BTreeSet::new());
    let mut bytes = [0; 5];
    while notices.read_exact(&mut bytes).is_ok() {
        match Notice::read(bytes) {
            Some(Notice::Begun(number)) => drop(starts.insert(number)),
            Some(Notice::Started(number)) => drop(starts.remove(&number)),
            Some(Notice::Added(group)) => drop(groups.insert(group)),
            Some(Notice::Removed(group)) => drop(groups.remove(&group)),
            None => {}
        }
    }
    for group in groups.into_iter().filter_map(Pid::from_raw) {
        // It may have ended already, or belong to another user.
        let _ = kill_process_group(group, Signal::KILL);
    }
    for number in starts {
        let mark = mark(parent, number);
        for _ in 0..SEARCHES {
            if kill_marked(&mark) {
                break;
            }
            thread::sleep(SEARCH_INTERVAL);
        }
    }
}

/// The value of the variable of one start.
fn mark(process: u32, number: u32) -> String {
    format!("{process}.{number}")
}

/// Kills the group of the program with this mark in its environment, and returns whether there was one.
fn kill_marked(mark: &str) -> bool {
    let variable = format!("{VARIABLE}={mark}");
    let Ok(all) = fs::read_dir("/proc") else {
        return false;
    };
    let marked = all.flatten().filter_map(|entry| {
        let process = entry.file_name().to_str()?.parse().ok()?;
        let environment = fs::read(entry.path().join("environ")).ok()?;
        let mut variables = environment.split(|byte| *byte == 0);
        variables
            .any(|found| found == variable.as_bytes())
            .then_some(process)
    });
    let mut found = false;
    for group in marked.filter_map(Pid::from_raw) {
        found |= kill_process_group(group, Signal::KILL).is_ok();
    }
    found
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn notices_survive_the_pipe() {
        for notice in [
            Notice::Begun(0),
            Notice::Started(u32::MAX),
            Notice::Added(1),
            Notice::Removed(i32::MAX),
        ] {
            assert_eq!(Notice::read(notice.bytes()), Some(notice));
        }
        assert_eq!(Notice::read([0; 5]), None);
    }

    fn sleeper(mark: Option<&str>) -> Child {
        let mut command = Command::new("sleep");
        command.arg("1000").process_group(0);
        if let Some(mark) = mark {
            command.env(VARIABLE, mark);
        }
        command.spawn().unwrap()
    }

    fn until_ended(child: &mut Child) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "it lives");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn groups_that_are_left_and_a_start_in_progress_are_killed() {
        let parent = std::process::id();
        let mark = mark(parent, 7);
        let (mut left, mut over, mut starting) =
            (sleeper(None), sleeper(None), sleeper(Some(&mark)));
        let group = |child: &Child| i32::try_from(child.id()).unwrap();
        let notices = [
            Notice::Begun(3),
            Notice::Started(3),
            Notice::Added(group(&left)),
            Notice::Added(group(&over)),
            Notice::Removed(group(&over)),
            Notice::Begun(7),
        ];
        watch_over(parent, &*notices.map(Notice::bytes).concat());
        until_ended(&mut left);
        until_ended(&mut starting);
        assert!(over.try_wait().unwrap().is_none(), "it was removed");
        over.kill().unwrap();
        over.wait().unwrap();
    }
}
