//! The daemon as a separate process, which receives signals.

use std::{
    env,
    ffi::OsStr,
    fs::File,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

use consul_watch::{
    ConsulConfig,
    daemon::{RunOptions, run},
};
use consul_watch_harness::{DEADLINE, Signal, eventually, eventually_some, signal};

use crate::fixture::Folder;

/// Names the file that the process runs.
const FILE: &str = "CONSUL_WATCH_TEST_FILE";

/// The process itself: this test binary, running only this test. Without a file it does nothing.
#[test]
fn as_a_process() {
    let Some(file) = env::var_os(FILE) else {
        return;
    };
    tracing_subscriber::fmt()
        .with_env_filter("warn,consul_watch::daemon=info")
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let ran = actix::System::new().block_on(run(
        &[file.into()],
        RunOptions::new(ConsulConfig::default()),
    ));
    if let Err(error) = &ran {
        tracing::error!(%error, "the daemon has failed");
    }
    std::process::exit(i32::from(ran.is_err()));
}

/// A running daemon. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    log: std::path::PathBuf,
}

impl Process {
    pub(crate) fn start(folder: &Folder, file: &Path, variables: &[(&str, &OsStr)]) -> Self {
        let log = folder.path("daemon.log");
        let child = Command::new(env::current_exe().expect("this binary"))
            .args([
                "--exact",
                "process::as_a_process",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(FILE, file)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).expect("a log"))
            .spawn()
            .expect("the daemon starts");
        let process = Self { child, log };
        process.until_logged("watches started", 1);
        process
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn send(&self, which: Signal) {
        signal(&self.child, which).expect("the daemon runs");
    }

    /// Returns its log.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until its log holds a text this many times.
    #[track_caller]
    pub(crate) fn until_logged(&self, text: &str, times: usize) {
        eventually(
            DEADLINE,
            &format!("`{text}` {times} times in the log"),
            || self.log().matches(text).count() >= times,
        );
    }

    /// Reloads, and waits until the reload is complete.
    #[track_caller]
    pub(crate) fn reload(&self) {
        let done = self.log().matches("configuration reloaded").count();
        self.send(Signal::HUP);
        self.until_logged("configuration reloaded", done + 1);
    }

    /// Sends SIGTERM and waits for the end.
    #[track_caller]
    pub(crate) fn stop(self) -> ExitStatus {
        self.end_by(Signal::TERM)
    }

    /// Sends a signal and waits for the end. It may have ended already.
    #[track_caller]
    pub(crate) fn end_by(self, which: Signal) -> ExitStatus {
        let _ = signal(&self.child, which);
        self.ended()
    }

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn ended(mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually_some(DEADLINE, "the end of the daemon", || {
            child.try_wait().expect("a child")
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log());
        }
    }
}
