//! Programs that hang, die, fork, refuse to end, flood, or are none.

use std::time::{Duration, Instant};

use consul_watch::handlers::{
    ErrorHandler, Exit, OnError, OrphanPolicy, Program, ProgramError, Script, ScriptHandler,
};
use consul_watch_harness::{DEADLINE, eventually_async, own_process};

use crate::script_fixture::{Fixture, childless, lives, peak_memory, state};

const SHORT: Duration = Duration::from_millis(300);

#[actix::test]
async fn one_that_hangs_is_asked_to_end_with_all_it_forked() {
    own_process!();
    let mut fixture = Fixture::new();
    let script = "sleep 1000 & echo $! > grandchild; echo $$ > child; trap 'echo asked > asked; exit 0' TERM; wait";
    let handler = fixture.start(
        Script::service(fixture.sh(script))
            .timeout(SHORT)
            .retry(None),
    );
    handler.send(state("x", 7)).await.unwrap();
    let ended = fixture.ended().await;
    assert!(
        matches!(ended.exit, Exit::TimedOut { after: SHORT }),
        "{}",
        ended.exit
    );
    assert_eq!(fixture.read("asked"), "asked\n", "it was SIGTERM");
    assert!(!lives(&fixture.read("child")) && !lives(&fixture.read("grandchild")));
    childless().await;
}

#[actix::test]
async fn one_that_ignores_sigterm_is_killed_after_the_grace_with_its_forks() {
    own_process!();
    let mut fixture = Fixture::new();
    let script = "trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo $! > grandchild; \
                  while :; do sleep 1; done";
    let script = Script::service(fixture.sh(script))
        .timeout(SHORT)
        .grace(SHORT)
        .retry(None);
    let begun = Instant::now();
    fixture.start(script).send(state("x", 7)).await.unwrap();
    let ended = fixture.ended().await;
    assert!(
        matches!(ended.exit, Exit::TimedOut { .. }),
        "{}",
        ended.exit
    );
    assert!(
        begun.elapsed() >= 2 * SHORT,
        "it had its grace: {:?}",
        begun.elapsed()
    );
    eventually_async(DEADLINE, "the end of the fork", || {
        !lives(&fixture.read("grandchild"))
    })
    .await;
    childless().await;
}

#[actix::test]
async fn a_fork_may_use_the_grace_that_its_parent_did_not() {
    let mut fixture = Fixture::new();
    let script = "(trap 'sleep 0.3; echo done > done; exit' TERM; echo > up; while :; do sleep 0.01; done) & \
                  await up; wait";
    let handler = fixture.start(
        Script::service(fixture.sh(script))
            .timeout(SHORT * 2)
            .retry(None),
    );
    handler.send(state("x", 7)).await.unwrap();
    assert!(matches!(fixture.ended().await.exit, Exit::TimedOut { .. }));
    assert_eq!(
        fixture.read("done"),
        "done\n",
        "the fork finished on its own"
    );
}

#[actix::test]
async fn one_that_is_stopped_ends_all_the_same() {
    let mut fixture = Fixture::new();
    let handler = fixture.start(
        Script::service(fixture.sh("kill -STOP $$"))
            .timeout(SHORT)
            .grace(2 * DEADLINE)
            .retry(None),
    );
    handler.send(state("x", 7)).await.unwrap();
    let ended = fixture.ended().await;
    assert!(
        matches!(ended.exit, Exit::TimedOut { .. }),
        "{}",
        ended.exit
    );
    assert!(
        ended.duration < DEADLINE,
        "without the grace: {:?}",
        ended.duration
    );
}

#[actix::test]
async fn a_death_by_signal_is_told() {
    let mut fixture = Fixture::new();
    let handler = fixture.start(Script::service(fixture.sh("kill -SEGV $$")).retry(None));
    handler.send(state("x", 7)).await.unwrap();
    let ended = fixture.ended().await;
    assert!(matches!(ended.exit, Exit::Signal(11)));
    assert_eq!(
        (ended.exit.to_string().as_str(), ended.exit.code()),
        ("was ended by SIGSEGV", 139)
    );
}

#[actix::test]
async fn a_grandchild_that_holds_the_pipes_holds_up_nobody() {
    let mut fixture = Fixture::new();
    let script = "sleep 1000 & echo $! > grandchild; echo out; exit 0";
    // Also one that leaves megabytes on stdin for the grandchild, who reads nothing.
    for size in [1, 3 << 20] {
        let handler = fixture.start(Script::service(fixture.sh(script)).timeout(None));
        let sent = tokio::time::timeout(DEADLINE, handler.send(state(vec![b'x'; size], 7))).await;
        sent.expect("it does not hang").unwrap();
        let ended = fixture.ended().await;
        assert_eq!(
            (ended.exit.code(), ended.output.tail()),
            (0, b"out\n".as_slice())
        );
        let grandchild = fixture.read("grandchild");
        assert!(lives(&grandchild), "forks are left alone by default");
        end(&grandchild);
    }
}

#[actix::test]
async fn forks_are_ended_when_asked_for() {
    let mut fixture = Fixture::new();
    let script = "sleep 1000 & echo $! > grandchild; exit 0";
    let handler = fixture.start(Script::service(fixture.sh(script)).orphans(OrphanPolicy::End));
    handler.send(state("x", 7)).await.unwrap();
    let ended = fixture.ended().await;
    assert!(
        ended.exit.is_success(),
        "that is not the program's failure: {}",
        ended.exit
    );
    assert!(!lives(&fixture.read("grandchild")));
}

#[actix::test]
async fn a_flood_of_output_does_not_fill_the_memory() {
    own_process!();
    let mut fixture = Fixture::new();
    let script = "head -c 104857600 /dev/zero; printf 'the end'";
    let handler = fixture.start(Script::service(fixture.sh(script)).timeout(None));
    let before = peak_memory();
    handler.send(state("x", 7)).await.unwrap();
    let ended = fixture.ended().await;
    assert_eq!((ended.exit.code(), ended.output.total()), (0, 104_857_607));
    assert!(ended.output.tail().ends_with(b"the end") && ended.output.tail().len() == 4096);
    let grown = peak_memory() - before;
    assert!(grown < 8 * 1024, "it grew by {grown} KiB");
}

#[actix::test]
async fn what_is_no_program_is_told_by_its_name() {
    let mut fixture = Fixture::new();
    let folder = fixture.path("");
    std::fs::write(fixture.path("plain"), "text").unwrap();
    let cases = [
        (
            Program::new("no-such-program-anywhere"),
            "no-such-program-anywhere",
            "not on the PATH",
        ),
        (
            Program::new("/no/such/program"),
            "/no/such/program",
            "no such file",
        ),
        (Program::new(fixture.path("plain")), "plain", "chmod +x"),
        (
            Program::new("true").directory("/no/such/folder"),
            "true",
            "/no/such/folder is not a directory",
        ),
    ];
    for (program, name, remedy) in cases {
        let handler = fixture.start(Script::service(program).retry(None));
        handler.send(state("x", 7)).await.unwrap();
        let ended = fixture.ended().await;
        let text = ended.exit.to_string();
        assert!(
            matches!(&ended.exit, Exit::Failed(error) if matches!(**error, ProgramError::Start { .. })),
            "{text}"
        );
        assert!(text.contains(name) && text.contains(remedy), "{text}");
        assert_eq!(ended.exit.code(), 127);
    }
    drop(folder);
}

#[actix::test]
async fn what_cannot_be_given_to_a_program_is_refused_before() {
    let error = ScriptHandler::new(Script::service(Program::new("a").arg("b\0c"))).unwrap_err();
    assert!(
        error.to_string().contains("argument 1 of the program `a`"),
        "{error}"
    );
    let error = ErrorHandler::new(OnError::new(Program::shell(""))).unwrap_err();
    assert!(matches!(error, ProgramError::Empty));
}

fn end(pid: &str) {
    std::process::Command::new("kill")
        .args(["-9", pid.trim()])
        .status()
        .unwrap();
}
