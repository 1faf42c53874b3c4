//! A program that keeps running: started, signalled, restarted, brought back, ended.

use std::time::{Duration, Instant};

use actix::prelude::*;
use consul_watch::Backoff;
use consul_watch::handlers::{
    Exec, ExecHandler, Exit, ForwardSignal, GetRunStats, OnChange, Signal, StopHandler,
};
use consul_watch_harness::{DEADLINE, eventually_async, own_process};

use crate::script_fixture::{Fixture, change, childless, children, lives, state, stop};

/// Notes its start and each hang-up.
const DAEMON: &str = "trap 'echo hup >> log' HUP; trap 'echo term >> log; exit 0' TERM; \
                      echo up $CONSUL_INDEX >> log; while :; do sleep 0.01; done";

fn start(fixture: &Fixture, exec: Exec) -> Addr<ExecHandler> {
    ExecHandler::new(exec.events(fixture.reports()))
        .unwrap()
        .start()
}

fn quick() -> Backoff {
    Backoff::new(Duration::from_millis(10), Duration::from_millis(20)).unwrap()
}

#[actix::test]
async fn the_first_state_starts_it_and_the_next_ones_signal_it() {
    own_process!();
    let mut fixture = Fixture::new();
    let handler = start(&fixture, Exec::new(fixture.sh(DAEMON)));
    assert!(children().is_empty(), "there is no state yet");
    let first = state("x", 1);
    handler.send(first.clone()).await.unwrap();
    assert_eq!(fixture.lines("log", 1).await, ["up 1"]);
    handler.send(change("y", 2, &first)).await.unwrap();
    assert_eq!(fixture.lines("log", 2).await, ["up 1", "hup"]);
    assert_eq!(handler.send(GetRunStats).await.unwrap().running, 1);
    let begun = Instant::now();
    stop(&handler, StopHandler::within(DEADLINE)).await;
    assert!(begun.elapsed() < DEADLINE, "it is asked to end at once");
    assert!(children().is_empty());
    assert_eq!(fixture.lines("log", 3).await, ["up 1", "hup", "term"]);
    assert!(matches!(fixture.ended().await.exit, Exit::Stopped));
    eventually_async(DEADLINE, "the end of the actor", || !handler.connected()).await;
}

#[actix::test]
async fn a_change_can_restart_it_and_states_meanwhile_are_coalesced() {
    let mut fixture = Fixture::new();
    let slow = "trap 'echo asked >> log; await go; exit 0' TERM; echo up $CONSUL_INDEX $CONSUL_WATCH_COALESCED >> log; \
                while :; do sleep 0.01; done";
    let handler = start(
        &fixture,
        Exec::new(fixture.sh(slow))
            .on_change(OnChange::Restart)
            .grace(DEADLINE),
    );
    let mut before = state("1", 1);
    handler.send(before.clone()).await.unwrap();
    fixture.lines("log", 1).await;
    for index in 2..=9 {
        let next = change(&index.to_string(), index, &before);
        handler.do_send(next.clone());
        before = next;
    }
    fixture.lines("log", 2).await;
    fixture.touch("go");
    assert_eq!(fixture.lines("log", 3).await, ["up 1 0", "asked", "up 9 7"]);
    let ended = fixture.ended().await;
    assert!(matches!(ended.exit, Exit::Stopped) && ended.retry_in == Some(Duration::ZERO));
    stop(&handler, StopHandler::now()).await;
}

#[actix::test]
async fn it_comes_back_when_it_dies_with_the_newest_state() {
    own_process!();
    let mut fixture = Fixture::new();
    let script = format!("echo $$ > pid; {DAEMON}");
    let handler = start(&fixture, Exec::new(fixture.sh(&script)).backoff(quick()));
    let first = state("x", 1);
    handler.send(first.clone()).await.unwrap();
    fixture.lines("log", 1).await;
    handler.send(change("y", 2, &first)).await.unwrap();
    fixture.lines("log", 2).await;
    assert_eq!(handler.send(ForwardSignal(Signal::KILL)).await.unwrap(), 1);
    let ended = fixture.ended().await;
    assert!(
        matches!(ended.exit, Exit::Signal(9)) && ended.retry_in.is_some(),
        "{}",
        ended.exit
    );
    assert_eq!(fixture.lines("log", 3).await[2], "up 2");
    stop(&handler, StopHandler::now()).await;
    childless().await;
}

#[actix::test]
async fn a_crash_loop_is_slowed_down() {
    own_process!();
    let mut fixture = Fixture::new();
    let backoff = Backoff::new(Duration::from_millis(40), Duration::from_secs(10))
        .unwrap()
        .with_seed(7);
    let handler = start(&fixture, Exec::new(fixture.sh("exit 1")).backoff(backoff));
    handler.send(state("x", 1)).await.unwrap();
    // What is promised is at least waited for.
    let (mut promised, begun) = (Duration::ZERO, Instant::now());
    for start in 1..=6 {
        let ended = fixture.ended().await;
        assert!(begun.elapsed() >= promised, "start {start} came too early");
        assert_eq!((ended.attempt, ended.exit.code()), (start, 1));
        promised += ended.retry_in.expect("it is started again");
    }
    stop(&handler, StopHandler::now()).await;
    let runs_after = fixture.ended_already();
    assert!(
        runs_after.is_none() && children().is_empty(),
        "{runs_after:?}"
    );
}

#[actix::test]
async fn one_that_cannot_be_started_is_told_and_tried_again() {
    let mut fixture = Fixture::new();
    let program = consul_watch::handlers::Program::new(fixture.path("daemon"));
    let handler = start(&fixture, Exec::new(program).backoff(quick()));
    handler.do_send(state("x", 1));
    let ended = fixture.ended().await;
    assert!(
        ended.exit.to_string().contains("no such file"),
        "{}",
        ended.exit
    );
    let script = format!(
        "#!/bin/sh\necho up > {}; exec sleep 1000\n",
        fixture.path("log").display()
    );
    std::fs::write(fixture.path("new"), script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(fixture.path("new"), mode).unwrap();
    std::fs::rename(fixture.path("new"), fixture.path("daemon")).unwrap();
    fixture.lines("log", 1).await;
    stop(&handler, StopHandler::now()).await;
}

#[actix::test]
async fn it_can_be_started_before_there_is_a_state() {
    let fixture = Fixture::new();
    let handler = start(&fixture, Exec::new(fixture.sh(DAEMON)).start_at_once());
    assert_eq!(fixture.lines("log", 1).await, ["up"]);
    handler.send(state("x", 1)).await.unwrap();
    assert_eq!(fixture.lines("log", 2).await[1], "hup");
    stop(&handler, StopHandler::now()).await;
}

#[actix::test]
async fn the_state_file_is_there_before_the_program_is_told() {
    let fixture = Fixture::new();
    let script = "trap 'cat state >> seen' HUP; cat state >> seen; while :; do sleep 0.01; done";
    let handler = start(
        &fixture,
        Exec::new(fixture.sh(script)).state_file(fixture.path("state")),
    );
    let first = state("x", 1);
    handler.send(first.clone()).await.unwrap();
    fixture.lines("seen", 1).await;
    handler.send(change("y", 2, &first)).await.unwrap();
    let seen = fixture.lines("seen", 2).await;
    assert!(
        seen[0].contains(r#""Value":"eA==""#) && seen[1].contains(r#""Value":"eQ==""#),
        "{seen:?}"
    );
    stop(&handler, StopHandler::now()).await;
}

#[actix::test]
async fn one_that_ignores_sigterm_is_killed_with_its_forks() {
    own_process!();
    let mut fixture = Fixture::new();
    let script =
        "trap '' TERM; sleep 1000 & echo $! > grandchild; echo > up; while :; do sleep 1; done";
    let handler = start(
        &fixture,
        Exec::new(fixture.sh(script)).grace(Duration::from_millis(200)),
    );
    handler.send(state("x", 1)).await.unwrap();
    fixture.lines("up", 1).await;
    stop(&handler, StopHandler::now()).await;
    assert!(!lives(&fixture.read("grandchild")) && children().is_empty());
    assert!(matches!(fixture.ended().await.exit, Exit::Stopped));
}

#[actix::test]
async fn a_change_may_do_nothing_but_replace_the_state_file() {
    let mut fixture = Fixture::new();
    // Without a handler for SIGHUP, which would end it.
    let script = "echo up >> log; exec sleep 1000";
    let exec = Exec::new(fixture.sh(script))
        .on_change(OnChange::Nothing)
        .state_file(fixture.path("state"));
    let handler = start(&fixture, exec);
    let mut before = state("0", 1);
    handler.send(before.clone()).await.unwrap();
    fixture.lines("log", 1).await;
    for index in 2..=5 {
        let next = change(&index.to_string(), index, &before);
        handler.send(next.clone()).await.unwrap();
        let modified = format!("\"ModifyIndex\":{index},");
        fixture
            .until("state", |state| state.contains(&modified))
            .await;
        before = next;
    }
    assert_eq!(handler.send(GetRunStats).await.unwrap().running, 1);
    assert!(fixture.ended_already().is_none(), "it has run all the time");
    stop(&handler, StopHandler::now()).await;
}

#[actix::test]
async fn a_huge_grace_is_no_short_one() {
    own_process!();
    let mut fixture = Fixture::new();
    let script = "trap 'echo asked >> log; await go; exit 0' TERM; echo up >> log; while :; do sleep 0.01; done";
    let exec = Exec::new(fixture.sh(script)).grace(Duration::MAX);
    let handler = start(&fixture, exec);
    handler.send(state("x", 1)).await.unwrap();
    fixture.lines("log", 1).await;
    let stopping = handler.send(StopHandler::within(Duration::MAX));
    let stopping = actix::spawn(stopping);
    assert_eq!(fixture.lines("log", 2).await, ["up", "asked"]);
    assert!(!stopping.is_finished());
    fixture.touch("go");
    stopping.await.unwrap().unwrap();
    assert!(matches!(fixture.ended().await.exit, Exit::Stopped));
    assert!(children().is_empty());
}
