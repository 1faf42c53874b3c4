//! Concurrency of runs: coalescing, queues, parallel runs, splay, retries, the program for errors.

use std::time::{Duration, Instant};

use actix::MailboxError;
use consul_watch::Backoff;
use consul_watch::handlers::{Exit, RetryPolicy, Script};
use consul_watch_harness::{DEADLINE, eventually_async, own_process};

use crate::script_fixture::{Fixture, change, childless, state, until_runs};

/// Writes its index, and waits for a file before it finishes.
const GATED: &str =
    "echo $CONSUL_INDEX >> begun; await go-$CONSUL_INDEX; echo $CONSUL_INDEX >> done";

fn soon() -> RetryPolicy {
    RetryPolicy::default()
        .backoff(Backoff::new(Duration::from_millis(1), Duration::from_millis(2)).unwrap())
}

#[actix::test]
async fn changes_during_a_run_are_coalesced_into_the_last() {
    let fixture = Fixture::new();
    let handler = fixture.start(Script::service(
        fixture.sh(&format!("{GATED}; env > env-$CONSUL_INDEX")),
    ));
    let mut before = state("1", 1);
    handler.do_send(before.clone());
    fixture.lines("begun", 1).await;
    for index in 2..=50 {
        let next = change(&index.to_string(), index, &before);
        handler.do_send(next.clone());
        before = next;
    }
    let runs = until_runs(&handler, "all to have come", |runs| runs.waiting == 1).await;
    assert_eq!((runs.running, runs.ended), (1, 0));
    fixture.touch("go-1");
    fixture.touch("go-50");
    let runs = until_runs(&handler, "the end", |runs| runs.ended == 2).await;
    assert_eq!((runs.running, runs.waiting, runs.failed), (0, 0, 0));
    assert_eq!(fixture.lines("done", 2).await, ["1", "50"]);
    let told = fixture.read("env-50");
    assert!(told.contains("CONSUL_WATCH_COALESCED=48\n"), "{told}");
    assert!(
        told.contains("CONSUL_WATCH_UPDATED=1\n"),
        "counted from what was run: {told}"
    );
}

#[actix::test]
async fn the_acknowledgement_comes_with_the_end_of_the_run() {
    let fixture = Fixture::new();
    let handler = fixture.start(Script::service(fixture.sh(GATED)));
    let mut sent = std::pin::pin!(handler.send(state("1", 1)));
    tokio::select! {
        _ = &mut sent => panic!("it is still running"),
        _ = fixture.lines("begun", 1) => {}
    }
    fixture.touch("go-1");
    sent.await.unwrap();
    assert_eq!(fixture.read("done"), "1\n");
}

#[actix::test]
async fn a_queue_runs_every_state_in_order() {
    let fixture = Fixture::new();
    let handler = fixture.start(Script::service(fixture.sh(GATED)).queue(10));
    let mut before = state("1", 1);
    for index in 2..=9 {
        // Each is taken while there is room.
        handler.send(before.clone()).await.unwrap();
        before = change("x", index, &before);
    }
    fixture.lines("begun", 1).await;
    for index in 1..=8 {
        fixture.touch(&format!("go-{index}"));
    }
    assert_eq!(
        fixture.lines("done", 8).await,
        ["1", "2", "3", "4", "5", "6", "7", "8"]
    );
}

#[actix::test]
async fn a_queue_tries_a_failed_state_again_before_the_next() {
    let fixture = Fixture::new();
    let script =
        "echo $CONSUL_INDEX >> tries; [ $CONSUL_INDEX != 1 ] || [ $(grep -c 1 tries) = 3 ]";
    let handler = fixture.start(Script::service(fixture.sh(script)).queue(5).retry(soon()));
    for index in 1..=3 {
        handler.send(state("x", index)).await.unwrap();
    }
    assert_eq!(fixture.lines("tries", 5).await, ["1", "1", "1", "2", "3"]);
}

#[actix::test]
async fn parallel_runs_so_many_at_a_time() {
    own_process!();
    let fixture = Fixture::new();
    let handler = fixture.start(Script::service(fixture.sh(GATED)).parallel(3));
    for index in 1..=3 {
        handler.send(state("x", index)).await.unwrap();
    }
    for index in 4..=6 {
        handler.do_send(state("x", index));
    }
    let mut begun = fixture.lines("begun", 3).await;
    begun.sort();
    assert_eq!(begun, ["1", "2", "3"]);
    let runs = until_runs(&handler, "three at a time", |runs| runs.waiting == 1).await;
    assert_eq!(runs.running, 3);
    fixture.touch("go-2");
    assert_eq!(
        fixture.lines("begun", 4).await[3],
        "6",
        "the newest takes the place"
    );
    for index in [1, 3, 6] {
        fixture.touch(&format!("go-{index}"));
    }
    until_runs(&handler, "the end", |runs| runs.ended == 4).await;
    childless().await;
}

#[actix::test]
async fn a_failed_run_is_tried_again_with_the_newest_state() {
    let mut fixture = Fixture::new();
    let script =
        "cat >> got; echo $CONSUL_WATCH_REASON $CONSUL_WATCH_COALESCED >> told; [ -e fixed ]";
    // Without end, and long enough for the newer state to find the older one waiting.
    let slow = Backoff::new(Duration::from_secs(3600), Duration::from_secs(3600))
        .unwrap()
        .with_seed(7);
    let handler = fixture
        .start(Script::service(fixture.sh(script)).retry(RetryPolicy::default().backoff(slow)));
    let first = state("old", 1);
    handler.send(first.clone()).await.unwrap();
    let ended = fixture.ended().await;
    assert!(matches!(ended.exit, Exit::Code(1)) && ended.retry_in.is_some() && ended.attempt == 1);
    until_runs(&handler, "the retry to wait", |runs| runs.waiting == 1).await;
    fixture.touch("fixed");
    handler.send(change("new", 2, &first)).await.unwrap();
    let ended = fixture.ended().await;
    assert_eq!(
        (
            ended.index,
            ended.attempt,
            ended.exit.code(),
            ended.retry_in
        ),
        (2, 1, 0, None)
    );
    assert_eq!(
        fixture.read("told"),
        "first 0\nfirst 1\n",
        "the old one was never handled"
    );
    let runs = until_runs(&handler, "nothing left", |runs| runs.waiting == 0).await;
    assert_eq!((runs.ended, runs.failed), (2, 1));
}

#[actix::test]
async fn a_failed_run_without_a_newer_state_is_tried_until_it_succeeds_or_the_tries_are_over() {
    let mut fixture = Fixture::new();
    let script = "echo >> tries; [ $(wc -l < tries) = 3 ]";
    fixture
        .start(Script::service(fixture.sh(script)).retry(soon()))
        .do_send(state("x", 1));
    for (attempt, code) in [(1, 1), (2, 1), (3, 0)] {
        let ended = fixture.ended().await;
        assert_eq!((ended.attempt, ended.exit.code()), (attempt, code));
    }
    let handler = fixture.start(Script::service(fixture.sh("exit 4")).retry(soon().tries(2)));
    handler.do_send(state("x", 1));
    assert!(fixture.ended().await.retry_in.is_some());
    assert_eq!(fixture.ended().await.retry_in, None);
    let runs = until_runs(&handler, "nothing left", |runs| runs.waiting == 0).await;
    assert_eq!(runs.last.unwrap().exit.code(), 4);
}

#[actix::test]
async fn a_command_ends_with_the_first_failure_and_does_not_acknowledge_it() {
    let mut fixture = Fixture::new();
    let handler = fixture.start(Script::command(fixture.sh("exit 3")));
    let answer = tokio::time::timeout(DEADLINE, handler.send(state("x", 1)))
        .await
        .expect("an end");
    assert!(matches!(answer, Err(MailboxError::Closed)), "{answer:?}");
    assert_eq!(fixture.ended().await.exit.code(), 3);
    eventually_async(DEADLINE, "the end of the handler", || !handler.connected()).await;
}

#[actix::test]
async fn splay_delays_and_the_newest_state_is_run() {
    let mut fixture = Fixture::new();
    let splay = Duration::from_millis(800);
    let handler =
        fixture.start(Script::service(fixture.sh("echo $CONSUL_INDEX >> done")).splay(splay));
    let mut longest = Duration::ZERO;
    for index in 1..=5 {
        let sent = Instant::now();
        handler.send(state("x", index)).await.unwrap();
        let took = sent.elapsed();
        // The delay is not part of the run.
        longest = longest.max(took.saturating_sub(fixture.ended().await.duration));
    }
    // Five draws out of 0.8 s all below 20 ms: once in a hundred million.
    assert!(longest > Duration::from_millis(20), "{longest:?}");
    assert_eq!(fixture.lines("done", 5).await, ["1", "2", "3", "4", "5"]);
    assert!(fixture.ended_already().is_none());
}
