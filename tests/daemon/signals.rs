//! Signals to the daemon: SIGHUP reloads, SIGTERM stops.

use std::time::{Duration, Instant};

use consul_watch_harness::{DEADLINE, Signal, TestAgent, eventually};

use crate::{
    binary::Binary,
    fixture::{Folder, children, consul, key, until_nobody_has},
    process::Process,
};

#[test]
fn an_invalid_file_leaves_the_watches_running_and_is_logged() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let good = format!(
        "{}{}",
        consul(&agent.url()),
        key("a", &folder.writer("a", "x"), "")
    );
    agent.put("a", "1");
    let daemon = Process::start(&folder, &folder.configure(&good), &[]);
    eventually(DEADLINE, "the first run", || folder.log("a").len() == 1);

    folder.configure(&format!(
        "{good}{}watches {{ type = \"kye\" }}\n",
        key("b", "true", "timeot = \"1s\"")
    ));
    daemon.send(Signal::HUP);
    daemon.until_logged("reload refused", 1);
    let log = daemon.log();
    for expected in [
        "watches.hcl:12: watches[1]: `timeot`",
        "watches.hcl:14: watches[2]: `type` cannot be `kye`",
    ] {
        assert!(log.contains(expected), "{expected}:\n{log}");
    }
    // What only the client of Consul finds.
    let token = folder.path("no-token");
    folder.configure(&good.replace(
        "consul {",
        &format!("consul {{ token_file = \"{}\" ", token.display()),
    ));
    daemon.send(Signal::HUP);
    daemon.until_logged("reload refused", 2);
    let log = daemon.log();
    assert!(log.contains("no-token") && !log.contains("partly"), "{log}");
    agent.put("a", "2");
    eventually(DEADLINE, "the watch continues", || {
        folder.log("a").len() == 2
    });

    folder.configure(&good);
    daemon.reload();
    agent.put("a", "3");
    eventually(DEADLINE, "the watch continues", || {
        folder.log("a").len() == 3
    });
    assert!(daemon.stop().success());
}

#[test]
fn sigterm_lets_a_handler_finish() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let line = format!(
        "{}; sleep 1; touch {}",
        folder.writer("a", "x"),
        folder.path("done").display()
    );
    let file = folder.configure(&format!("{}{}", consul(&agent.url()), key("a", &line, "")));
    let daemon = Process::start(&folder, &file, &[]);
    eventually(DEADLINE, "the first run", || folder.log("a").len() == 1);
    assert!(daemon.stop().success());
    assert!(
        folder.path("done").exists(),
        "the handler had time to finish"
    );
    until_nobody_has(&folder.path(""));
}

#[test]
fn a_handler_that_does_not_finish_is_killed() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let line = format!(
        "trap '' TERM; {}; while :; do sleep 0.05; done",
        folder.writer("a", "x")
    );
    let text = format!(
        "shutdown_grace = \"300ms\"\n{}{}",
        consul(&agent.url()),
        key("a", &line, "grace = \"300ms\"")
    );
    let daemon = Process::start(&folder, &folder.configure(&text), &[]);
    eventually(DEADLINE, "the first run", || folder.log("a").len() == 1);
    assert!(!children(daemon.id()).is_empty());
    let begun = Instant::now();
    assert!(daemon.stop().success());
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "it took {:?}",
        begun.elapsed()
    );
    until_nobody_has(&folder.path("a"));
}

#[test]
fn a_second_signal_ends_the_daemon_at_once() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    // Both far beyond the deadline of this test.
    let line = format!("{}; sleep 1000", folder.writer("a", "x"));
    let text = format!(
        "shutdown_grace = \"15m\"\n{}{}",
        consul(&agent.url()),
        key("a", &line, "")
    );
    let daemon = Process::start(&folder, &folder.configure(&text), &[]);
    eventually(DEADLINE, "the first run", || folder.log("a").len() == 1);
    daemon.send(Signal::TERM);
    daemon.until_logged("stopping all watches", 1);
    eventually(DEADLINE, "the effect of a later signal", || {
        daemon.send(Signal::TERM);
        daemon.log().contains("second signal")
    });
    assert!(daemon.stop().success());
    until_nobody_has(&folder.path("a"));
}

#[test]
fn a_signal_that_comes_twice_at_once_skips_no_grace() {
    for pair in [
        [Signal::TERM, Signal::TERM],
        [Signal::TERM, Signal::INT],
        [Signal::INT, Signal::INT],
    ] {
        let (agent, folder) = (TestAgent::dev(), Folder::new());
        let line = format!(
            "{}; sleep 1; touch {}",
            folder.writer("a", "x"),
            folder.path("done").display()
        );
        let file = folder.configure(&format!("{}{}", consul(&agent.url()), key("a", &line, "")));
        let daemon = Process::start(&folder, &file, &[]);
        eventually(DEADLINE, "the first run", || folder.log("a").len() == 1);
        daemon.send(pair[0]);
        daemon.until_logged("stopping all watches", 1);
        assert!(daemon.end_by(pair[1]).success());
        assert!(
            folder.path("done").exists(),
            "{pair:?}: the handler had time to finish"
        );
    }
}

#[test]
fn timeout_of_coreutils_skips_no_grace() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let line = format!(
        "{}; sleep 1; touch {}",
        folder.writer("a", "x"),
        folder.path("done").display()
    );
    let file = folder.configure(&format!("{}{}", consul(&agent.url()), key("a", &line, "")));
    // It signals its child, and then its whole group.
    let mut timeout = Binary::below(&folder, &file, &["timeout", "1000"]);
    eventually(DEADLINE, "the first run", || folder.log("a").len() == 1);
    timeout.end_by(Signal::TERM);
    assert!(
        folder.path("done").exists(),
        "the handler had time to finish"
    );
}

#[test]
fn a_shell_that_runs_no_lines_is_the_reason_and_no_failure() {
    for (shell, reason) in [
        ("/usr/sbin/nologin", "does not run command lines"),
        ("/bin/false", "does not run command lines"),
        ("/no/such/shell", "there is no such file; set SHELL"),
    ] {
        let (agent, folder) = (TestAgent::dev(), Folder::new());
        agent.put("a", "1");
        // Without retries, a failure would be given up at once.
        let text = format!(
            "{}{}",
            consul(&agent.url()),
            key("a", "true", "retry = false")
        );
        let file = folder.configure(&text);
        let daemon = Process::start(&folder, &file, &[("SHELL", shell.as_ref())]);
        daemon.until_logged("handler program not started", 2);
        let log = daemon.log();
        assert!(
            log.contains(reason) && !log.contains("handler program failed"),
            "{log}"
        );
        assert!(daemon.stop().success());
    }
}
