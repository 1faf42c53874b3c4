//! A program that does not read its standard input.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use consul_watch::handlers::{GetRunStats, Script, StopHandler};
use consul_watch_harness::{DEADLINE, eventually_async, own_process};

use crate::script_fixture::{Fixture, peak_memory, state, stop, until_runs};

/// The size of a state. Its JSON is a third larger.
const SIZE: usize = 8 << 20;

/// The number of programs that run at a time.
const PROGRAMS: usize = 20;

#[actix::test]
async fn it_costs_no_memory() {
    own_process!();
    let fixture = Fixture::new();
    let script = Script::service(fixture.sh("echo >> up; exec sleep 1000")).parallel(PROGRAMS);
    let handler = fixture.start(script);
    let large = state(vec![b'x'; SIZE], 1);
    let before = peak_memory();
    for index in 1..=PROGRAMS as u64 {
        let mut large = large.clone();
        large.index = index;
        handler.send(large).await.unwrap();
    }
    fixture.lines("up", PROGRAMS).await;
    let stats = handler.send(GetRunStats).await.unwrap();
    assert_eq!(stats.running, PROGRAMS);
    let grown = peak_memory() - before;
    assert!(grown * 1024 < SIZE, "{PROGRAMS} programs: {grown} KiB more");
    stop(&handler, StopHandler::now()).await;
}

#[actix::test]
async fn the_run_ends_with_the_program() {
    let mut fixture = Fixture::new();
    // The last two leave a process that holds the input open.
    for script in [
        "true",
        "head -c 10 > /dev/null",
        "sleep 1000 <&0 & echo $! > left",
        "(head -c 100000; exec sleep 1000) <&0 > /dev/null & echo $! > left",
    ] {
        let handler = fixture.start(Script::service(fixture.sh(script)).retry(None));
        let sent = handler.send(state(vec![b'x'; SIZE], 7));
        tokio::time::timeout(DEADLINE, sent)
            .await
            .expect(script)
            .unwrap();
        assert!(fixture.ended().await.exit.is_success(), "{script}");
        stop(&handler, StopHandler::now()).await;
        let left = fixture.read("left");
        if !left.is_empty() {
            let ended = std::process::Command::new("kill")
                .args(["-9", left.trim()])
                .status();
            // It may have seen the end of its input.
            let _ = ended.unwrap();
        }
    }
}

#[actix::test]
async fn what_is_read_late_and_slowly_is_complete() {
    let mut fixture = Fixture::new();
    let script = "echo > up; await go; (head -c 100000; sleep 0.05; cat) > got";
    let handler = fixture.start(Script::service(fixture.sh(script)));
    let value: Vec<u8> = (0..SIZE)
        .map(|at| b'a' + u8::try_from(at / 1000 % 26).unwrap())
        .collect();
    handler.do_send(state(value.clone(), 7));
    fixture.lines("up", 1).await;
    until_runs(&handler, "a run", |runs| runs.running == 1).await;
    fixture.touch("go");
    assert!(fixture.ended().await.exit.is_success());
    let got: serde_json::Value = serde_json::from_str(&fixture.read("got")).unwrap();
    assert!(
        STANDARD.decode(got["Value"].as_str().unwrap()).unwrap() == value,
        "other bytes"
    );
    eventually_async(DEADLINE, "the end", || fixture.read("got").ends_with("}\n")).await;
}
