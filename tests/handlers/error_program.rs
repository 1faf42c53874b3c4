//! The program for errors: one run for one cause, and one for the recovery.

use std::{fs, time::Duration};

use actix::prelude::*;
use consul_watch::handlers::{
    ErrorHandler, ErrorThreshold, Exec, ExecHandler, OnError, Program, RetryPolicy, Script,
    ScriptHandler, StopHandler,
};
use consul_watch::{Backoff, Key, KeyPrefix, Watch};
use consul_watch_harness::{DEADLINE, TestAgent, eventually_async, log_capture};
use serde_json::{Value, json};

use crate::script_fixture::{Fixture, change, state, stop};
use crate::script_on_consul::supervisor;

/// Notes its variables in one line, and its input in another file.
const NOTE: &str = "cat >> input; echo \"$CONSUL_WATCH_STATE $CONSUL_WATCH_COUNT $CONSUL_WATCH_PATH \
                    $CONSUL_WATCH_TYPE:$CONSUL_WATCH_NAME $CONSUL_WATCH_ERROR\" >> told";

fn start(fixture: &Fixture, after: ErrorThreshold) -> Addr<ErrorHandler> {
    let settings = OnError::new(fixture.sh(NOTE)).after(after);
    ErrorHandler::new(settings).unwrap().start()
}

fn script(program: Program, errors: &Addr<ErrorHandler>) -> Addr<ScriptHandler> {
    let backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(100)).unwrap();
    let retry = RetryPolicy::default().backoff(backoff).without_end();
    let script = Script::service(program)
        .retry(retry)
        .events(errors.clone().recipient());
    ScriptHandler::new(script).unwrap().start()
}

fn inputs(fixture: &Fixture) -> Vec<Value> {
    let text = fixture.read("input");
    let inputs = text.lines().map(|line| serde_json::from_str(line).unwrap());
    inputs.collect()
}

#[actix::test]
async fn a_failing_handler_is_reported_once_and_its_recovery_once() {
    let fixture = Fixture::new();
    let errors = start(&fixture, ErrorThreshold::Times(4));
    let line = "echo >> runs; [ -e well ] || { echo so sorry; exit 5; }";
    let handler = script(fixture.sh(line), &errors);
    handler.do_send(state("x", 1));
    let told = fixture.lines("told", 1).await;
    assert!(
        told[0].starts_with("failed 1 key:app key:app `/bin/sh` exited with 5"),
        "{told:?}"
    );
    assert!(fixture.read("runs").len() >= 4, "not for a hiccup");
    let before = fixture.read("runs").len();
    fixture.lines("runs", before + 5).await;
    fixture.touch("well");
    let told = fixture.lines("told", 2).await;
    assert!(told[1].starts_with("recovered 1 key:app"), "{told:?}");
    let inputs = inputs(&fixture);
    assert_eq!(inputs.len(), 2, "{inputs:?}");
    for (input, state) in inputs.iter().zip(["failed", "recovered"]) {
        assert_eq!(input["state"], state);
        assert_eq!(input["output"], "so sorry\n");
        assert_eq!(
            (&input["path"], &input["watches"]),
            (&json!("key:app"), &json!(["key:app"]))
        );
        assert!(input["seconds"].is_u64() && input["error"].as_str().unwrap().contains("with 5"));
    }
    stop(&handler, StopHandler::now()).await;
    stop(&errors, StopHandler::within(DEADLINE)).await;
    assert_eq!(fixture.read("told").lines().count(), 2);
}

#[actix::test]
async fn what_is_not_retried_is_reported_without_a_wait() {
    let mut fixture = Fixture::new();
    let errors = start(&fixture, ErrorThreshold::default());
    let events = errors.clone().recipient();
    let program = fixture.sh("exit $((CONSUL_INDEX % 2))");
    let once = Script::service(program).retry(None).events(events);
    let handler = ScriptHandler::new(once).unwrap().start();
    let first = state("x", 1);
    handler.send(first.clone()).await.unwrap();
    assert!(fixture.lines("told", 1).await[0].starts_with("failed"));
    handler.send(change("y", 2, &first)).await.unwrap();
    assert!(fixture.lines("told", 2).await[1].starts_with("recovered"));
    assert!(fixture.ended_already().is_none());
}

#[actix::test]
async fn watches_that_fail_by_one_cause_are_one_run() {
    let agent = TestAgent::dev();
    let fixture = Fixture::new();
    for name in ["a/1", "a/2", "b/1"] {
        agent.put(name, b"1");
    }
    let errors = start(&fixture, ErrorThreshold::Lasting(Duration::from_secs(2)));
    let handler = script(fixture.sh("echo >> runs"), &errors);
    let watches = supervisor(&agent);
    for prefix in ["a/", "b/"] {
        let watch = Watch::new(KeyPrefix::new(prefix), handler.clone()).observer(errors.clone());
        watches.send(watch).await.unwrap().unwrap();
    }
    for key in ["a/1", "a/2", "b/1"] {
        let watch = Watch::new(Key::new(key), handler.clone()).observer(errors.clone());
        watches.send(watch).await.unwrap().unwrap();
    }
    fixture.lines("runs", 5).await;
    assert_eq!(fixture.read("told"), "");
    agent.kill();
    let told = fixture.lines("told", 1).await;
    let count: usize = told[0].split(' ').nth(1).unwrap().parse().unwrap();
    assert!(told[0].starts_with("failed") && count >= 2, "{told:?}");
    agent.restart_empty();
    let told = fixture.lines("told", 2).await;
    assert!(told[1].starts_with("recovered"), "{told:?}");
    stop(&errors, StopHandler::within(DEADLINE)).await;
    assert_eq!(
        fixture.read("told").lines().count(),
        2,
        "{}",
        fixture.read("told")
    );
    stop(&handler, StopHandler::now()).await;
}

#[actix::test]
async fn a_program_that_is_kept_running_fails_and_recovers_too() {
    let fixture = Fixture::new();
    let errors = start(&fixture, ErrorThreshold::Times(3));
    let backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(20)).unwrap();
    let program = fixture.sh("echo >> runs; [ -e well ] && exec sleep 1000");
    let exec = Exec::new(program)
        .backoff(backoff)
        .events(errors.clone().recipient());
    let handler = ExecHandler::new(exec).unwrap().start();
    handler.do_send(state("x", 1));
    let told = fixture.lines("told", 1).await;
    assert!(told[0].starts_with("failed 1 key:app"), "{told:?}");
    assert!(fixture.read("runs").len() >= 3);
    fixture.touch("well");
    let told = fixture.lines("told", 2).await;
    assert!(told[1].starts_with("recovered 1 key:app"), "{told:?}");
    stop(&handler, StopHandler::now()).await;
}

#[actix::test]
async fn a_program_that_comes_later_is_run_then() {
    log_capture::capture();
    let fixture = Fixture::new();
    let late = fixture.path("late");
    let settings = OnError::new(Program::new(&late)).after(ErrorThreshold::Times(1));
    let errors = ErrorHandler::new(settings).unwrap().start();
    let events = errors.clone().recipient();
    let once = Script::service(fixture.sh("exit $((CONSUL_INDEX % 2))"))
        .retry(None)
        .events(events);
    let handler = ScriptHandler::new(once).unwrap().start();
    let first = state("x", 1);
    handler.send(first.clone()).await.unwrap();
    let refused = || {
        let lines = log_capture::captured(late.to_str().unwrap());
        let refused = lines.iter().filter(|line| line.text.contains("exit=127"));
        refused.count()
    };
    eventually_async(DEADLINE, "two tries", || refused() >= 2).await;
    program(&fixture, "late");
    assert_eq!(fixture.lines("told", 1).await, ["failed"]);
    // The failure is over, and the program is gone.
    fs::remove_file(&late).unwrap();
    let before = refused();
    handler.send(change("y", 2, &first)).await.unwrap();
    eventually_async(DEADLINE, "another try", || refused() > before).await;
    program(&fixture, "late");
    assert_eq!(fixture.lines("told", 2).await, ["failed", "recovered"]);
    stop(&handler, StopHandler::now()).await;
    stop(&errors, StopHandler::within(DEADLINE)).await;
    assert_eq!(fixture.read("told").lines().count(), 2);
}

/// Puts a program in place that notes each report. A shell writes it, so that this process never has it open.
fn program(fixture: &Fixture, name: &str) {
    let line =
        "printf '#!/bin/sh\\necho $CONSUL_WATCH_STATE >> %s\\n' \"$1\" > \"$2\" && chmod +x \"$2\"";
    let new = fixture.path("new");
    let written = std::process::Command::new("sh")
        .args(["-c", line, "sh"])
        .args([&fixture.path("told"), &new])
        .status();
    assert!(written.unwrap().success());
    fs::rename(new, fixture.path(name)).unwrap();
}

#[actix::test]
async fn a_change_that_is_not_applied_is_a_failure_of_the_handler() {
    let fixture = Fixture::new();
    let errors = start(&fixture, ErrorThreshold::Times(3));
    let backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(20)).unwrap();
    fs::create_dir(fixture.path("folder")).unwrap();
    let line = "trap 'echo hup >> log' HUP; echo up >> log; while :; do sleep 0.01; done";
    let exec = Exec::new(fixture.sh(line))
        .backoff(backoff)
        .state_file(fixture.path("folder/state"))
        .events(errors.clone().recipient());
    let handler = ExecHandler::new(exec).unwrap().start();
    let first = state("x", 1);
    handler.send(first.clone()).await.unwrap();
    fixture.lines("log", 1).await;
    fs::rename(fixture.path("folder"), fixture.path("elsewhere")).unwrap();
    handler.do_send(change("y", 2, &first));
    let told = fixture.lines("told", 1).await;
    assert!(
        told[0].starts_with("failed 1 key:app")
            && told[0].contains("folder/state cannot be written"),
        "{told:?}"
    );
    fs::rename(fixture.path("elsewhere"), fixture.path("folder")).unwrap();
    assert_eq!(fixture.lines("log", 2).await, ["up", "hup"]);
    let told = fixture.lines("told", 2).await;
    assert!(told[1].starts_with("recovered 1 key:app"), "{told:?}");
    stop(&handler, StopHandler::now()).await;
    assert_eq!(
        fixture.read("log").lines().count(),
        2,
        "it was not restarted"
    );
}
