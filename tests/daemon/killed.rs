//! A daemon that is killed leaves no handler behind.

use std::{fs, process::Command};

use consul_watch_harness::{DEADLINE, Signal, TestAgent, eventually};

use crate::{
    binary::{Binary, Leftovers, ids, is_running, until_ended},
    fixture::{Folder, children, consul, key},
};

/// The files with the numbers of processes.
const ALL: [&str; 4] = ["ids", "kept", "left", "parent"];

/// A handler that notes itself and a process that it has started, and never ends.
fn endless(folder: &Folder) -> String {
    let file = folder.path("ids");
    format!(
        "echo $$ >> {0}; sleep 1000 & echo $! >> {0}; wait",
        file.display()
    )
}

/// Files with such a handler, and with a program that is kept running.
fn configured(agent: &TestAgent, folder: &Folder) -> std::path::PathBuf {
    agent.put("a", "1");
    let kept = format!(
        "echo $$ >> {}; exec sleep 1000",
        folder.path("kept").display()
    );
    folder.configure(&format!(
        "{}{}watches {{ type = \"key\" key = \"a\" handler_type = \"exec\" args = [\"sh\", \"-c\", \"{kept}\"] }}\n",
        consul(&agent.url()),
        key("a", &endless(folder), "timeout = \"0\"")
    ))
}

#[test]
fn by_any_signal_that_it_cannot_handle() {
    let agent = TestAgent::dev();
    for which in [Signal::KILL, Signal::QUIT, Signal::ABORT, Signal::USR1] {
        let folder = Folder::new();
        let _leftovers = Leftovers(&folder, &ALL);
        let mut daemon = Binary::start(&folder, &configured(&agent, &folder));
        let mut all = ids(&folder, "ids", 2);
        all.extend(ids(&folder, "kept", 1));
        all.extend(children(daemon.id()).into_iter().map(|(id, _)| id));
        assert!(all.iter().all(|id| is_running(*id)), "{all:?}");
        assert!(!daemon.end_by(which).success());
        until_ended(&all);
    }
}

#[test]
fn a_single_watch_leaves_none_either() {
    let agent = TestAgent::dev();
    for which in [Signal::KILL, Signal::HUP] {
        let folder = Folder::new();
        let _leftovers = Leftovers(&folder, &ALL);
        agent.put("a", "1");
        let address = format!("-http-addr={}", agent.url());
        let ours = env!("CARGO_BIN_EXE_consul-watch");
        let line = endless(&folder);
        let mut watch = Binary::spawn(&folder, &[ours, "-type=key", "-key=a", &address, &line]);
        let all = ids(&folder, "ids", 2);
        assert!(!watch.end_by(which).success());
        until_ended(&all);
    }
}

#[test]
fn even_if_it_stops_all_processes_of_its_name() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let _leftovers = Leftovers(&folder, &ALL);
    let mut daemon = Binary::start(&folder, &configured(&agent, &folder));
    let all = ids(&folder, "ids", 2);
    // As killall(1) and pkill(1) find them.
    for (id, _) in children(daemon.id()) {
        let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        assert!(!name.contains("consul-watch"), "{name}");
        assert!(
            !String::from_utf8_lossy(&line).contains("consul-watch"),
            "{line:?}"
        );
    }
    assert!(!daemon.end_by(Signal::KILL).success());
    until_ended(&all);
}

#[test]
fn the_guard_itself_may_be_killed_and_is_replaced() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let _leftovers = Leftovers(&folder, &ALL);
    agent.put("a", "1");
    let text = format!(
        "{}{}",
        consul(&agent.url()),
        key(
            "a",
            &endless(&folder),
            "timeout = \"0\"\n concurrency = { parallel = 9 }"
        )
    );
    let mut daemon = Binary::start(&folder, &folder.configure(&text));
    ids(&folder, "ids", 2);
    let guard = |known: u32| {
        let all = children(daemon.id()).into_iter().map(|(id, _)| id);
        let name = |id: &u32| fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let mut guards = all.filter(|id| name(id).starts_with(b"cw-guard"));
        guards.find(|id| *id != known && is_running(*id))
    };
    let first = guard(0).expect("a guard");
    // By which `pgrep` and `ps` show it.
    let name = || fs::read_to_string(format!("/proc/{first}/comm")).unwrap_or_default();
    eventually(DEADLINE, "its name", || name() == "cw-guard\n");
    kill(first);
    until_ended(&[first]);
    agent.put("a", "2");
    let all = ids(&folder, "ids", 4);
    eventually(DEADLINE, "another guard", || guard(first).is_some());
    assert!(!daemon.end_by(Signal::KILL).success());
    until_ended(&all);
}

#[test]
fn a_program_that_is_kept_running_runs_once_after_a_crash() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let _leftovers = Leftovers(&folder, &ALL);
    let file = configured(&agent, &folder);
    let mut before = Vec::new();
    for start in 1..=3 {
        let mut daemon = Binary::start(&folder, &file);
        let all = ids(&folder, "kept", start);
        assert!(
            before.iter().all(|id| !is_running(*id)),
            "two copies: {all:?}"
        );
        assert_eq!(all.len(), start);
        assert!(!daemon.end_by(Signal::KILL).success());
        before = all;
    }
    until_ended(&before);
}

#[test]
fn a_process_that_a_handler_has_left_behind_lives_on() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let _leftovers = Leftovers(&folder, &ALL);
    agent.put("a", "1");
    let (left, log) = (folder.path("left"), folder.path("runs"));
    let line = format!(
        "sleep 1000 > /dev/null 2>&1 & echo $! > {}; echo >> {}",
        left.display(),
        log.display()
    );
    let text = format!("{}{}", consul(&agent.url()), key("a", &line, ""));
    let mut daemon = Binary::start(&folder, &folder.configure(&text));
    let left = ids(&folder, "left", 1);
    // From then on, the guard leaves the rest of the program's process group alone.
    daemon.until_logged("handler run ended", 1);
    let guard: Vec<u32> = children(daemon.id()).iter().map(|(id, _)| *id).collect();
    assert!(!daemon.end_by(Signal::KILL).success());
    until_ended(&guard);
    assert!(is_running(left[0]), "it is no handler any more");
    kill(left[0]);
}

/// Runs the daemon in a terminal, and closes that.
fn with_its_terminal(ends: bool) {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let _leftovers = Leftovers(&folder, &ALL);
    agent.put("a", "1");
    let line = format!(
        "echo $PPID >> {}; {}",
        folder.path("parent").display(),
        endless(&folder)
    );
    let more = "timeout = \"0\"\n concurrency = { parallel = 9 }";
    let text = format!(
        "shutdown_grace = \"100ms\"\n{}{}",
        consul(&agent.url()),
        key("a", &line, more)
    );
    let file = folder.configure(&text);
    let (ours, file) = (env!("CARGO_BIN_EXE_consul-watch"), file.display());
    let ours = if ends {
        format!("exec {ours} run {file}")
    } else {
        format!("exec nohup {ours} run {file} > /dev/null 2>&1")
    };
    let command = [
        "script",
        "--quiet",
        "--flush",
        "--command",
        &ours,
        "/dev/null",
    ];
    let mut terminal = Binary::spawn(&folder, &command);
    let all = ids(&folder, "ids", 2);
    let daemon = ids(&folder, "parent", 1);
    assert!(!terminal.end_by(Signal::KILL).success());
    if !ends {
        agent.put("a", "2");
        assert_eq!(ids(&folder, "parent", 2)[1], daemon[0], "it runs on");
        kill(daemon[0]);
    }
    until_ended(&daemon);
    until_ended(&all);
    until_ended(&ids(&folder, "ids", 2));
}

#[test]
fn by_its_terminal_that_is_closed() {
    with_its_terminal(true);
}

#[test]
fn not_by_its_terminal_below_nohup() {
    with_its_terminal(false);
}

fn kill(id: u32) {
    let killed = Command::new("kill").args(["-9", &id.to_string()]).status();
    assert!(killed.unwrap().success());
}
