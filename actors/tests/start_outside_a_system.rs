//! A supervisor that is started outside an actix system says so, and does not abort the process.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot continue has failed"
)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use actix::Actor;
use common::{Folder, Recorder, Store, supervisor};
use consul_watch_actors::{StartError, Status, Watch};

/// Returns the message of a panic.
fn message(panic: Box<dyn std::any::Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().expect("a panic with a text")).to_owned(),
    }
}

fn is_refused() {
    let store = Store::new();
    assert_eq!(
        supervisor(&store).try_start().unwrap_err(),
        StartError::NoSystem
    );
    for arbiters in [0, 1] {
        let start = || drop(supervisor(&store).arbiters(arbiters).start());
        let panic = catch_unwind(AssertUnwindSafe(start)).unwrap_err();
        assert_eq!(message(panic), StartError::NoSystem.to_string());
        // The trait's own method panics with tokio's words, and no more than that.
        let start = || drop(Actor::start(supervisor(&store).arbiters(arbiters)));
        catch_unwind(AssertUnwindSafe(start)).unwrap_err();
    }
    assert!(StartError::NoSystem.to_string().contains("#[actix::main]"));
}

#[test]
fn on_a_plain_thread() {
    is_refused();
}

#[tokio::test]
async fn within_a_tokio_runtime() {
    is_refused();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_worker_of_a_tokio_runtime() {
    tokio::spawn(async { is_refused() }).await.unwrap();
}

#[test]
fn beside_a_system_that_does_not_run() {
    let system = actix::System::new();
    is_refused();
    drop(system);
}

#[test]
fn within_a_system_and_on_its_arbiters_it_starts() {
    let works = || async {
        let store = Store::new();
        let watches = supervisor(&store).try_start().unwrap();
        let (subscriber, _) = Recorder::prompt();
        watches
            .send(Watch::new(Folder::new("app"), subscriber))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(watches.send(Status::all()).await.unwrap().len(), 1);
    };
    actix::System::new().block_on(async move {
        works().await;
        let (done, ended) = tokio::sync::oneshot::channel();
        let arbiter = actix::Arbiter::new();
        assert!(arbiter.spawn(async move {
            works().await;
            done.send(()).unwrap();
        }));
        ended.await.expect("it works on the other arbiter too");
        arbiter.stop();
    });
}
