//! Processes that a program leaves in the background.

use std::{path::PathBuf, process::Command};

use consul_watch::handlers::{OrphanPolicy, Script, StopHandler};
use consul_watch_harness::{DEADLINE, eventually_async, own_process};

use crate::script_fixture::{Fixture, descriptors, lives, state, stop};

/// Runs a script that leaves a process in the background, and returns that when the script has ended.
async fn left_by(fixture: &mut Fixture, background: &str) -> String {
    let script = format!("({background}) & echo $! > left; echo parent; exit 0");
    let handler = fixture.start(Script::service(fixture.sh(&script)));
    handler.send(state("x", 1)).await.unwrap();
    let ended = fixture.ended().await;
    assert!(ended.exit.is_success(), "{}", ended.exit);
    assert!(ended.output.to_string().contains("parent"));
    stop(&handler, StopHandler::now()).await;
    fixture.read("left")
}

#[actix::test]
async fn they_go_on_writing() {
    for to in ["", ">&2"] {
        let mut fixture = Fixture::new();
        let _leftover = Leftover(fixture.path("left"));
        let line = format!("while :; do echo tick {to}; echo >> alive; sleep 0.02; done");
        let left = left_by(&mut fixture, &line).await;
        let before = fixture.read("alive").len();
        fixture.lines("alive", before + 20).await;
        assert!(lives(&left));
    }
}

#[actix::test]
async fn they_may_write_more_than_a_pipe_holds_and_leave_nothing_behind() {
    own_process!();
    let mut fixture = Fixture::new();
    let before = descriptors();
    let line = "until [ -e go ]; do sleep 0.01; done; head -c 1000000 /dev/zero; echo $? > written";
    let left = left_by(&mut fixture, line).await;
    fixture.touch("go");
    assert_eq!(fixture.lines("written", 1).await, ["0"]);
    eventually_async(DEADLINE, "the end of it", || !lives(&left)).await;
    eventually_async(DEADLINE, "closed pipes", || descriptors() <= before).await;
}

#[actix::test]
async fn one_that_has_left_its_group_writes_on_even_if_the_others_are_ended() {
    let mut fixture = Fixture::new();
    let _leftover = Leftover(fixture.path("left"));
    let script = "setsid sh -c 'echo $$ > left; while :; do echo tick; echo >> alive; sleep 0.02; done' & \
                  sleep 1000 & echo $! > member; await alive; exit 0";
    let handler = fixture.start(Script::service(fixture.sh(script)).orphans(OrphanPolicy::End));
    handler.send(state("x", 1)).await.unwrap();
    assert!(fixture.ended().await.exit.is_success());
    assert!(!lives(&fixture.read("member")));
    let before = fixture.read("alive").len();
    fixture.lines("alive", before + 20).await;
}

/// Ends the process that is left in the background, also when the test fails.
struct Leftover(PathBuf);

impl Drop for Leftover {
    fn drop(&mut self) {
        let id = std::fs::read_to_string(&self.0).unwrap_or_default();
        // It may have ended already.
        let _ = Command::new("kill").args(["-9", id.trim()]).status();
    }
}
