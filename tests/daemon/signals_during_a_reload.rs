//! SIGTERM while a reload waits for the handlers that it replaces.

use std::fs;

use consul_watch_harness::{DEADLINE, Signal, TestAgent, eventually};

use crate::{
    fixture::{Folder, consul, key, until_nobody_has},
    process::Process,
};

/// Starts a daemon with these watches, replaces the handler of `a`, and waits until the reload waits for the old one.
fn reloading(folder: &Folder, agent: &TestAgent, a: impl Fn(&str) -> String) -> Process {
    agent.put("a", "1");
    agent.put("b", "1");
    let head = format!("shutdown_grace = \"15m\"\n{}", consul(&agent.url()));
    let b = key("b", &folder.writer("b", "x"), "");
    let text = format!("{head}{}{b}", a("x"));
    let daemon = Process::start(folder, &folder.configure(&text), &[]);
    let ran = |name: &str| folder.log(name).len() == 1;
    eventually(DEADLINE, "the first runs", || ran("a") && ran("b"));
    // The watch that is new starts while the reload waits for the old handler.
    let new = key("new", &folder.writer("new", "x"), "");
    folder.configure(&format!("{head}{}{b}{new}", a("y")));
    daemon.send(Signal::HUP);
    eventually(DEADLINE, "a run of the new watch", || ran("new"));
    daemon
}

#[test]
fn nothing_more_is_handled_and_the_old_handler_may_finish() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let [go, done] = ["go", "done"].map(|name| folder.path(name));
    let a = |tag: &str| {
        let writer = folder.writer("a", tag);
        let wait = format!("until [ -e {} ]; do sleep 0.02; done", go.display());
        key(
            "a",
            &format!("{writer}; {wait}; echo > {}", done.display()),
            "timeout = \"0\"",
        )
    };
    let daemon = reloading(&folder, &agent, a);
    daemon.send(Signal::TERM);
    daemon.until_logged("stopping all watches", 1);
    agent.put("b", "2");
    agent.put("a", "2");
    assert!(!done.exists(), "it waits");
    fs::write(&go, "").unwrap();
    assert!(daemon.ended().success());
    assert!(done.exists(), "it had no time to finish");
    let runs = ["a", "b", "new"].map(|name| folder.log(name).len());
    assert_eq!(runs, [1, 1, 1]);
    until_nobody_has(&folder.path(""));
}

#[test]
fn a_second_signal_ends_an_old_handler_that_never_finishes() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let a = |tag: &str| {
        let line = format!(
            "trap '' TERM; echo {tag} 1 {{}} >> {}; while :; do sleep 0.02; done",
            folder.path("a").display()
        );
        key("a", &line, "handler_type = \"exec\"\n grace = \"1h\"")
    };
    let daemon = reloading(&folder, &agent, a);
    daemon.send(Signal::TERM);
    daemon.until_logged("stopping all watches", 1);
    eventually(DEADLINE, "the effect of a later signal", || {
        daemon.send(Signal::TERM);
        daemon.log().contains("second signal")
    });
    assert!(daemon.ended().success());
    until_nobody_has(&folder.path(""));
}

#[test]
fn another_reload_follows_the_one_that_waits() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let go = folder.path("go");
    let a = |tag: &str| {
        let writer = folder.writer("a", tag);
        let wait = format!("until [ -e {} ]; do sleep 0.02; done", go.display());
        key("a", &format!("{writer}; {wait}"), "timeout = \"0\"")
    };
    let daemon = reloading(&folder, &agent, a);
    agent.put("later", "1");
    let later = key("later", &folder.writer("later", "x"), "");
    folder.configure(&format!("{}{later}", consul(&agent.url())));
    daemon.send(Signal::HUP);
    fs::write(&go, "").unwrap();
    eventually(DEADLINE, "a run of the last file", || {
        folder.log("later").len() == 1
    });
    assert!(daemon.stop().success());
}
