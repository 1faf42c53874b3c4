//! Programs that the system does not start: no run, no failure of the handler, and another attempt.

use std::time::Duration;

use actix::prelude::*;
use consul_watch::Backoff;
use consul_watch::handlers::{
    Environment, Exit, GetRunStats, Program, RetryPolicy, Script, StopHandler,
};
use consul_watch_harness::own_process;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::script_fixture::{Fixture, state, stop};

fn quick() -> RetryPolicy {
    let backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(20)).unwrap();
    RetryPolicy::default().backoff(backoff).tries(2)
}

#[actix::test]
async fn too_few_descriptors_are_a_reason_and_no_failure() {
    own_process!();
    for script in [Script::service as fn(Program) -> Script, Script::command] {
        let mut fixture = Fixture::new();
        let handler = fixture.start(script(fixture.sh("echo >> runs")).retry(quick()));
        let limit = getrlimit(Resource::Nofile);
        // The standard streams use all of them.
        let scarce = Rlimit {
            current: Some(3),
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, scarce).unwrap();
        handler.do_send(state("x", 1));
        let mut refused = Vec::new();
        for _ in 0..5 {
            refused.push(fixture.ended().await);
        }
        setrlimit(Resource::Nofile, limit).unwrap();
        for ended in refused {
            let text = ended.exit.to_string();
            assert!(
                text.contains("LimitNOFILE") && ended.is_not_started(),
                "{text}"
            );
            assert!(ended.retry_in.is_some() && ended.attempt == 1, "{ended:?}");
        }
        fixture.lines("runs", 1).await;
        loop {
            let ended = fixture.ended().await;
            if ended.exit.is_success() {
                assert_eq!(ended.attempt, 1, "none before it counts");
                break;
            }
        }
        let stats = handler.send(GetRunStats).await.unwrap();
        assert!(
            (stats.failed, stats.not_started >= 5) == (0, true),
            "{stats:?}"
        );
        stop(&handler, StopHandler::now()).await;
    }
}

#[actix::test]
async fn a_variable_that_is_too_large_is_named_and_a_newer_state_is_run() {
    let mut fixture = Fixture::new();
    let large = Environment::inherited().set("LARGE", "x".repeat(200_000));
    let program = fixture.sh("true").environment(large);
    let handler = fixture.start(Script::service(program).retry(None));
    handler.do_send(state("x", 1));
    let ended = fixture.ended().await;
    let text = ended.exit.to_string();
    assert!(
        text.contains("the variable LARGE has 200007 bytes"),
        "{text}"
    );
    assert!(text.contains("standard input"), "{text}");
    assert!(ended.retry_in.is_some(), "it is not given up");
    stop(&handler, StopHandler::now()).await;
}

#[actix::test]
async fn a_program_that_comes_later_is_run_then() {
    let mut fixture = Fixture::new();
    let program = Program::new(fixture.path("late"));
    let handler = fixture.start(Script::service(program).retry(quick()));
    handler.do_send(state("x", 1));
    for _ in 0..4 {
        let ended = fixture.ended().await;
        assert!(
            ended.is_not_started() && ended.retry_in.is_some(),
            "{ended:?}"
        );
    }
    std::os::unix::fs::symlink("/bin/true", fixture.path("late")).unwrap();
    loop {
        let ended = fixture.ended().await;
        if ended.exit.is_success() {
            break assert_eq!(ended.attempt, 1);
        }
        assert!(ended.is_not_started(), "{ended:?}");
    }
    stop(&handler, StopHandler::now()).await;
}

#[actix::test]
async fn a_command_ends_with_a_program_that_is_not_there() {
    let mut fixture = Fixture::new();
    let handler = fixture.start(Script::command(Program::new("/no/such/program")));
    let sent = handler.send(state("x", 1)).await;
    assert!(matches!(sent, Err(MailboxError::Closed)), "{sent:?}");
    let ended = fixture.ended().await;
    assert!(matches!(ended.exit, Exit::Failed(_)) && ended.retry_in.is_none());
}
