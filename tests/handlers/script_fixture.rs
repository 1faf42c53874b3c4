//! The fixture of the tests of programs: a folder, a handler that reports to the test, states, and the children
//! that are left.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use consul_watch::handlers::{
    GetRunStats, Program, RunEnded, RunStats, Script, ScriptHandler, StopHandler,
};
use consul_watch::{Changed, Key, KvPair, Reason};
use consul_watch_harness::{DEADLINE, eventually_async};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Waits in a script until a file is there.
const PRELUDE: &str = "await() { until [ -e \"$1\" ]; do sleep 0.01; done; }\n";

struct Listener(UnboundedSender<RunEnded>);

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<RunEnded> for Listener {
    type Result = ();

    fn handle(&mut self, ended: RunEnded, _: &mut Self::Context) {
        // A test that has ended wants nothing more.
        let _ = self.0.send(ended);
    }
}

/// A folder for scripts to work in, and what is reported of their runs.
pub(crate) struct Fixture {
    folder: TempDir,
    listener: Addr<Listener>,
    ended: UnboundedReceiver<RunEnded>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let (sender, ended) = unbounded_channel();
        Self {
            folder: tempfile::tempdir().unwrap(),
            listener: Listener(sender).start(),
            ended,
        }
    }

    /// A script, run directly by `/bin/sh`, in the folder.
    pub(crate) fn sh(&self, script: &str) -> Program {
        let script = format!("{PRELUDE}{script}");
        Program::new("/bin/sh")
            .args(["-c", &script])
            .directory(self.folder.path())
    }

    /// A handler that reports to the test.
    pub(crate) fn start(&self, script: Script) -> Addr<ScriptHandler> {
        ScriptHandler::new(script.events(self.reports()))
            .unwrap()
            .start()
    }

    pub(crate) fn reports(&self) -> Recipient<RunEnded> {
        self.listener.clone().recipient()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn touch(&self, name: &str) {
        fs::write(self.path(name), "").unwrap();
    }

    /// The text of a file; empty without one.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Waits until a file's content is so.
    pub(crate) async fn until(&self, name: &str, fits: impl Fn(&str) -> bool) -> String {
        let what = format!(
            "the file {name} as it should be, in {}",
            self.path("").display()
        );
        eventually_async(DEADLINE, &what, || fits(&self.read(name))).await;
        self.read(name)
    }

    /// Waits until a file has so many lines.
    pub(crate) async fn lines(&self, name: &str, count: usize) -> Vec<String> {
        let text = self
            .until(name, |text| text.matches('\n').count() >= count)
            .await;
        text.lines().map(str::to_owned).collect()
    }

    /// The next run that ends.
    pub(crate) async fn ended(&mut self) -> RunEnded {
        let ended = tokio::time::timeout(DEADLINE, self.ended.recv()).await;
        ended
            .expect("a run should have ended")
            .expect("the listener lives")
    }

    /// A run that has ended already.
    pub(crate) fn ended_already(&mut self) -> Option<RunEnded> {
        self.ended.try_recv().ok()
    }
}

/// A state of the key `app`.
pub(crate) fn state(value: impl Into<Vec<u8>>, index: u64) -> Changed<Key> {
    let pair = KvPair {
        key: "app".to_owned(),
        value: Some(value.into().into()),
        lock_index: 0,
        flags: 0,
        session: None,
        create_index: 1,
        modify_index: index,
        ..KvPair::default()
    };
    Changed::first(Key::new("app"), Some(Arc::new(pair)), index)
}

/// The same as a change of the state before it.
pub(crate) fn change(value: &str, index: u64, before: &Changed<Key>) -> Changed<Key> {
    let mut changed = state(value, index);
    changed.previous = Some(Arc::clone(&before.current));
    changed.previous_index = Some(before.index);
    changed.reason = Reason::Change;
    changed
}

/// Waits until a handler's own report is so.
pub(crate) async fn until_runs(
    handler: &Addr<ScriptHandler>,
    what: &str,
    fits: impl Fn(&RunStats) -> bool,
) -> RunStats {
    let deadline = std::time::Instant::now() + DEADLINE;
    loop {
        let runs = handler.send(GetRunStats).await.expect("the handler lives");
        if fits(&runs) {
            return runs;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "{what} did not come: {runs:?}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Stops a handler, which has to come to its end.
pub(crate) async fn stop<A>(handler: &Addr<A>, stop: StopHandler)
where
    A: Actor<Context = Context<A>> + Handler<StopHandler>,
{
    let stopped = tokio::time::timeout(DEADLINE, handler.send(stop)).await;
    stopped
        .expect("the handler should have stopped")
        .expect("the handler answers");
}

/// Whether a process, as a script wrote its number into a file, is there and no zombie.
pub(crate) fn lives(pid: &str) -> bool {
    let pid: u32 = pid.trim().parse().expect("a process number");
    process_state(&Path::new("/proc").join(pid.to_string())).is_some_and(|(state, _)| state != 'Z')
}

/// The children of this process, including those that were not waited for. See `own_process!`.
pub(crate) fn children() -> Vec<String> {
    let ours = std::process::id();
    let all = fs::read_dir("/proc")
        .unwrap()
        .filter_map(Result::ok)
        .map(|entry| entry.path());
    let children = all.filter(|path| process_state(path).is_some_and(|(_, parent)| parent == ours));
    children
        .map(|path| fs::read_to_string(path.join("stat")).unwrap_or_default())
        .collect()
}

/// Waits until this process has no child.
pub(crate) async fn childless() {
    eventually_async(DEADLINE, "that no child is left", || children().is_empty()).await;
}

fn process_state(process: &Path) -> Option<(char, u32)> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let mut rest = stat.rsplit_once(')')?.1.split_whitespace();
    Some((rest.next()?.chars().next()?, rest.next()?.parse().ok()?))
}

/// The number of descriptors that this process has open.
pub(crate) fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The peak of this process's memory, in KiB.
pub(crate) fn peak_memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("Linux has it");
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
