//! The command `consul-watch run`, as a process that is started in several ways and killed.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use consul_watch_harness::{DEADLINE, Signal, eventually, eventually_some, signal};

use crate::fixture::Folder;

/// A running command, below the program that starts it, if there is one. Dropping it kills what was started.
pub(crate) struct Binary {
    child: Child,
    log: PathBuf,
}

impl Binary {
    /// Runs these files.
    pub(crate) fn start(folder: &Folder, file: &Path) -> Self {
        Self::below(folder, file, &[])
    }

    /// Runs these files below a program.
    pub(crate) fn below(folder: &Folder, file: &Path, program: &[&str]) -> Self {
        let (ours, file) = (env!("CARGO_BIN_EXE_consul-watch"), file.to_str().unwrap());
        Self::run(folder, &[program, &[ours, "run", file]].concat())
    }

    /// Runs this command line, and waits until its watches have started.
    pub(crate) fn run(folder: &Folder, line: &[&str]) -> Self {
        let started = Self::spawn(folder, line);
        started.until_logged("watches started", 1);
        started
    }

    /// Runs this command line.
    pub(crate) fn spawn(folder: &Folder, line: &[&str]) -> Self {
        let log = folder.path("command.log");
        let mut command = Command::new(line[0]);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CONSUL_") || name == "RUST_LOG" {
                command.env_remove(name);
            }
        }
        let child = command
            .args(&line[1..])
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", line[0]));
        Self { child, log }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn send(&self, which: Signal) {
        signal(&self.child, which).expect("it runs");
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn until_logged(&self, text: &str, times: usize) {
        let logged = || self.log().matches(text).count() >= times;
        eventually(
            DEADLINE,
            &format!("`{text}` {times} times in the log"),
            logged,
        );
    }

    /// Waits until it has ended.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually_some(DEADLINE, "the end of the command", || {
            child.try_wait().unwrap()
        })
    }

    /// Sends a signal and waits for the end.
    #[track_caller]
    pub(crate) fn end_by(&mut self, which: Signal) -> ExitStatus {
        self.send(which);
        self.ended()
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the log:\n{}", self.log());
        }
    }
}

/// Returns whether a process runs and is no zombie.
pub(crate) fn is_running(id: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| state != 'Z')
}

/// Waits until a file has this many numbers of processes, one a line, and returns them.
#[track_caller]
pub(crate) fn ids(folder: &Folder, name: &str, count: usize) -> Vec<u32> {
    eventually_some(DEADLINE, &format!("{count} processes in {name}"), || {
        let text = fs::read_to_string(folder.path(name)).unwrap_or_default();
        let ids: Vec<u32> = text
            .lines()
            .filter_map(|line| line.trim().parse().ok())
            .collect();
        (text.ends_with('\n') && ids.len() >= count).then_some(ids)
    })
}

/// Waits until none of these processes runs.
#[track_caller]
pub(crate) fn until_ended(ids: &[u32]) {
    eventually(DEADLINE, &format!("the end of {ids:?}"), || {
        !ids.iter().any(|id| is_running(*id))
    });
}

/// Ends what a test that has failed leaves behind: the processes whose numbers are in these files of its folder.
pub(crate) struct Leftovers<'a>(pub(crate) &'a Folder, pub(crate) &'a [&'a str]);

impl Drop for Leftovers<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for name in self.1 {
            let text = fs::read_to_string(self.0.path(name)).unwrap_or_default();
            for id in text.lines() {
                // It may have ended already.
                let _ = Command::new("kill").args(["-9", id.trim()]).status();
            }
        }
    }
}
