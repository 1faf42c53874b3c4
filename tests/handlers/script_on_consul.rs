//! Programs run by real watches on a real agent.

use std::time::Duration;

use actix::prelude::*;
use consul_watch::handlers::{Script, ScriptHandler, StopHandler};
use consul_watch::{Backoff, ConsulConfig, Key, KeyPrefix, Services, Stop, Watch, WatchSupervisor};
use consul_watch_harness::{TestAgent, own_process};

use crate::script_fixture::{Fixture, childless, children, descriptors, stop, until_runs};

pub(crate) fn supervisor(agent: &TestAgent) -> Addr<WatchSupervisor> {
    let config = ConsulConfig::default()
        .with_address(format!("http://{}", agent.http_addr()))
        .unwrap();
    let soon = Backoff::new(Duration::from_millis(20), Duration::from_millis(500)).unwrap();
    WatchSupervisor::new(config).backoff(soon).start()
}

#[actix::test]
async fn the_last_state_of_a_burst_is_run_and_none_twice() {
    own_process!();
    let agent = TestAgent::dev();
    let fixture = Fixture::new();
    agent.put("app/n", b"0");
    let watches = supervisor(&agent);
    // The value is the only one of the prefix; its text is noted with the index.
    let script = "sed 's/.*\"Value\":\"\\([^\"]*\\)\".*/\\1/' | base64 -d >> runs; echo \" $CONSUL_INDEX\" >> runs";
    let handler = fixture.start(Script::service(fixture.sh(script)));
    watches
        .send(Watch::new(KeyPrefix::new("app/"), handler.clone()))
        .await
        .unwrap()
        .unwrap();
    fixture.lines("runs", 1).await;
    let writer = std::thread::spawn(move || {
        for n in 1..=300 {
            agent.put("app/n", n.to_string().as_bytes());
        }
        agent
    });
    let text = fixture
        .until("runs", |text| {
            text.contains("\n300 ") && text.ends_with('\n')
        })
        .await;
    let agent = writer.join().unwrap();
    let numbers: Vec<u32> = text
        .lines()
        .map(|line| line.split(' ').next().unwrap().parse().unwrap())
        .collect();
    assert!(
        numbers.windows(2).all(|pair| pair[0] < pair[1]),
        "in order, none twice: {numbers:?}"
    );
    assert_eq!((numbers[0], numbers[numbers.len() - 1]), (0, 300));
    let runs = until_runs(&handler, "quiet", |runs| runs.running + runs.waiting == 0).await;
    assert_eq!((runs.failed, runs.ended), (0, numbers.len() as u64));
    watches.send(Stop::all()).await.unwrap();
    stop(&handler, StopHandler::within(Duration::from_secs(5))).await;
    drop(agent);
    childless().await;
}

#[actix::test]
async fn a_failed_run_is_followed_by_one_with_the_newest_state() {
    let agent = TestAgent::dev();
    let fixture = Fixture::new();
    agent.put("k", b"old");
    let watches = supervisor(&agent);
    let script = "echo $CONSUL_WATCH_REASON >> runs; await go; cat > got; grep -q bmV3 got";
    let handler = fixture.start(Script::service(fixture.sh(script)));
    watches
        .send(Watch::new(Key::new("k"), handler.clone()))
        .await
        .unwrap()
        .unwrap();
    fixture.lines("runs", 1).await;
    agent.put("k", b"new");
    fixture.touch("go");
    fixture.until("got", |got| got.contains("bmV3")).await;
    let runs = until_runs(&handler, "a success", |runs| runs.ended > runs.failed).await;
    assert_eq!(runs.failed + 1, runs.ended);
    assert_eq!(
        fixture.lines("runs", 2).await[1],
        "first",
        "nothing was handled before"
    );
    stop(&handler, StopHandler::now()).await;
}

#[actix::test]
async fn many_watches_with_a_handler_each_leave_nothing_behind() {
    own_process!();
    let agent = TestAgent::dev();
    let fixture = Fixture::new();
    let before = descriptors();
    let watches = supervisor(&agent);
    let mut handlers: Vec<Addr<ScriptHandler>> = Vec::new();
    for n in 0..20 {
        let script = format!("cat > new-{n}; mv new-{n} state-{n}; cat state-{n} >> all-{n}");
        let handler = fixture.start(Script::service(fixture.sh(&script)));
        watches
            .send(Watch::new(Key::new(format!("k{n}")), handler.clone()))
            .await
            .unwrap()
            .unwrap();
        handlers.push(handler);
    }
    let writer = std::thread::spawn(move || {
        for round in 0..20 {
            for n in 0..20 {
                agent.put(&format!("k{n}"), format!("{round:03}").as_bytes());
            }
        }
        agent
    });
    for n in 0..20 {
        // "019" in base64.
        fixture
            .until(&format!("state-{n}"), |state| state.contains("MDE5"))
            .await;
        let all = fixture.read(&format!("all-{n}"));
        let mut seen: Vec<&str> = all.lines().collect();
        let runs = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), runs, "none was run twice: {all}");
    }
    watches.send(Stop::all()).await.unwrap();
    for handler in handlers.drain(..) {
        stop(&handler, StopHandler::within(Duration::from_secs(5))).await;
    }
    assert!(
        children().iter().all(|child| child.contains("(consul)")),
        "{:?}",
        children()
    );
    drop(watches);
    drop(writer.join().unwrap());
    childless().await;
    // The runtime keeps a few of its own for signals.
    assert!(
        descriptors() <= before + 8,
        "{} descriptors after {before}",
        descriptors()
    );
}

#[actix::test]
async fn one_handler_takes_watches_of_several_types() {
    let agent = TestAgent::dev();
    let fixture = Fixture::new();
    agent.put("k", b"1");
    let watches = supervisor(&agent);
    let handler = fixture.start(Script::service(fixture.sh("cat > got-$CONSUL_WATCH_TYPE")));
    watches
        .send(Watch::new(Key::new("k"), handler.clone()))
        .await
        .unwrap()
        .unwrap();
    watches
        .send(Watch::new(Services::new(), handler.clone()))
        .await
        .unwrap()
        .unwrap();
    watches
        .send(Watch::new(KeyPrefix::new("none/"), handler.clone()))
        .await
        .unwrap()
        .unwrap();
    fixture
        .until("got-key", |got| got.starts_with(r#"{"Key":"k""#))
        .await;
    fixture
        .until("got-services", |got| got == "{\"consul\":[]}\n")
        .await;
    fixture.until("got-keyprefix", |got| got == "null\n").await;
    stop(&handler, StopHandler::within(Duration::from_secs(5))).await;
}
