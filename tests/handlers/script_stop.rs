//! The end of a handler, after which nothing of its programs is left.

use std::time::{Duration, Instant};

use actix::prelude::*;
use consul_watch::handlers::{Exit, ForwardSignal, Script, ScriptHandler, Signal, StopHandler};
use consul_watch_harness::{DEADLINE, eventually_async, own_process};

use crate::script_fixture::{Fixture, childless, children, descriptors, lives, state, stop};

#[actix::test]
async fn a_run_in_progress_may_finish_and_what_waits_is_given_up() {
    own_process!();
    let mut fixture = Fixture::new();
    let handler = fixture.start(Script::service(
        fixture.sh("echo > begun; await go; echo $CONSUL_INDEX >> done"),
    ));
    let running = handler.send(state("x", 1));
    let waiting = {
        let handler = handler.clone();
        actix::spawn(async move { handler.send(state("x", 2)).await })
    };
    let running = actix::spawn(running);
    fixture.lines("begun", 1).await;
    let stopping = {
        let handler = handler.clone();
        actix::spawn(async move { handler.send(StopHandler::within(DEADLINE)).await })
    };
    fixture.touch("go");
    stopping.await.unwrap().unwrap();
    assert!(
        children().is_empty(),
        "the reply comes when no child is left"
    );
    assert_eq!(fixture.read("done"), "1\n");
    assert!(fixture.ended().await.exit.is_success());
    assert!(running.await.unwrap().is_ok(), "it was handled");
    assert!(waiting.await.unwrap().is_err(), "it was not");
    eventually_async(DEADLINE, "the end of the actor", || !handler.connected()).await;
}

#[actix::test]
async fn one_that_does_not_finish_within_the_grace_is_ended() {
    own_process!();
    let mut fixture = Fixture::new();
    let script = "trap '' TERM; echo $$ > child; while :; do sleep 1; done";
    let handler =
        fixture.start(Script::service(fixture.sh(script)).grace(Duration::from_millis(200)));
    handler.do_send(state("x", 1));
    let child = fixture.lines("child", 1).await.remove(0);
    let begun = Instant::now();
    stop(&handler, StopHandler::within(Duration::from_millis(200))).await;
    assert!(
        begun.elapsed() >= Duration::from_millis(400),
        "both graces: {:?}",
        begun.elapsed()
    );
    assert!(!lives(&child) && children().is_empty());
    assert!(matches!(fixture.ended().await.exit, Exit::Stopped));
}

#[actix::test]
async fn an_idle_handler_stops_at_once_and_a_second_stop_is_answered_too() {
    own_process!();
    let fixture = Fixture::new();
    let handler = fixture.start(Script::service(fixture.sh("sleep 1000")));
    handler.do_send(state("x", 1));
    let (one, two) = tokio::join!(
        handler.send(StopHandler::now()),
        handler.send(StopHandler::now())
    );
    assert!(one.is_ok() && two.is_ok());
    let idle = fixture.start(Script::service(fixture.sh("true")));
    stop(&idle, StopHandler::within(DEADLINE)).await;
    assert!(children().is_empty());
}

#[actix::test]
async fn an_actor_that_is_torn_down_leaves_no_process() {
    let fixture = Fixture::new();
    let script = Script::service(
        fixture.sh("trap '' TERM; sleep 1000 & echo $! > grandchild; echo $$ > child; wait"),
    );
    let arbiter = Arbiter::new();
    let handler =
        ScriptHandler::start_in_arbiter(&arbiter.handle(), |_| ScriptHandler::new(script).unwrap());
    handler.do_send(state("x", 1));
    let child = fixture.lines("child", 1).await.remove(0);
    let grandchild = fixture.read("grandchild");
    assert!(lives(&child) && lives(&grandchild));
    arbiter.stop();
    eventually_async(DEADLINE, "the end of both", || {
        !lives(&child) && !lives(&grandchild)
    })
    .await;
}

#[actix::test]
async fn a_handler_that_nobody_holds_finishes_its_work() {
    let mut fixture = Fixture::new();
    let handler = fixture.start(Script::service(
        fixture.sh("echo > begun; await go; echo > done"),
    ));
    handler.do_send(state("x", 1));
    fixture.lines("begun", 1).await;
    let weak = handler.downgrade();
    drop(handler);
    fixture.touch("go");
    assert!(fixture.ended().await.exit.is_success());
    assert_eq!(fixture.read("done"), "\n");
    eventually_async(DEADLINE, "the end of the actor", || {
        weak.upgrade().is_none_or(|actor| !actor.connected())
    })
    .await;
}

#[actix::test]
async fn signals_are_passed_on_to_the_whole_group() {
    let mut fixture = Fixture::new();
    let script = "(trap 'echo grandchild >> got; exit' USR1; echo > up; while :; do sleep 0.01; done) & \
                  trap 'echo child >> got; wait; exit 0' USR1; await up; echo > ready; while :; do sleep 0.01; done";
    let handler = fixture.start(Script::service(fixture.sh(script)));
    assert_eq!(
        handler.send(ForwardSignal(Signal::USR1)).await.unwrap(),
        0,
        "nothing runs"
    );
    handler.do_send(state("x", 1));
    fixture.lines("ready", 1).await;
    assert_eq!(handler.send(ForwardSignal(Signal::USR1)).await.unwrap(), 1);
    assert!(fixture.ended().await.exit.is_success());
    let mut got = fixture.lines("got", 2).await;
    got.sort();
    assert_eq!(got, ["child", "grandchild"]);
}

#[actix::test]
async fn nothing_is_left_of_hundreds_of_runs() {
    own_process!();
    let mut fixture = Fixture::new();
    let handler = fixture
        .start(Script::service(fixture.sh("cat; [ $((CONSUL_INDEX % 3)) != 0 ]")).retry(None));
    handler.send(state("x", 1)).await.unwrap();
    fixture.ended().await;
    let before = descriptors();
    for index in 2..300 {
        handler.send(state("x", index)).await.unwrap();
        let ended = fixture.ended().await;
        assert_eq!(
            (ended.index, ended.exit.is_success()),
            (index, index % 3 != 0)
        );
    }
    assert_eq!(descriptors(), before, "descriptors");
    assert!(children().is_empty(), "{:?}", children());
    stop(&handler, StopHandler::now()).await;
    childless().await;
}
