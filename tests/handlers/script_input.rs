//! The input of a program: stdin, environment, directory, arguments.

use consul_watch::handlers::{Environment, Exit, OutputTo, Program, Script};
use consul_watch::{Changed, Key};

use consul_watch_harness::{DEADLINE, own_process};

use crate::script_fixture::{Fixture, childless, state};

#[actix::test]
async fn stdin_is_the_json_and_a_newline_byte_for_byte() {
    let mut fixture = Fixture::new();
    let handler = fixture.start(Script::service(fixture.sh("cat > got")));
    handler.send(state("x", 7)).await.unwrap();
    assert!(fixture.ended().await.exit.is_success());
    let expected = r#"{"Key":"app","CreateIndex":1,"ModifyIndex":7,"LockIndex":0,"Flags":0,"Value":"eA==","Session":""}"#;
    assert_eq!(fixture.read("got"), format!("{expected}\n"));
    handler
        .send(Changed::first(Key::new("app"), None, 8))
        .await
        .unwrap();
    assert_eq!(
        fixture.read("got"),
        "null\n",
        "the acknowledgement comes after the run"
    );
}

#[actix::test]
async fn the_environment_is_ours_and_tells_of_the_change() {
    let mut fixture = Fixture::new();
    let handler = fixture.start(Script::command(fixture.sh("env > got; pwd > where")));
    handler.send(state("x", 7)).await.unwrap();
    let ended = fixture.ended().await;
    assert_eq!(
        (
            ended.index,
            ended.attempt,
            ended.path.unwrap().to_string().as_str()
        ),
        (7, 1, "key:app")
    );
    let got = fixture.read("got");
    let has = |line: &str| assert!(got.lines().any(|got| got == line), "{line} is not in {got}");
    has("CONSUL_INDEX=7");
    has("CONSUL_WATCH_TYPE=key");
    has("CONSUL_WATCH_NAME=app");
    has("CONSUL_WATCH_PATH=key:app");
    has("CONSUL_WATCH_REASON=first");
    has("CONSUL_WATCH_ADDED=1");
    has("CONSUL_WATCH_UPDATED=0");
    has("CONSUL_WATCH_REMOVED=0");
    has("CONSUL_WATCH_COALESCED=0");
    has(&format!("PATH={}", std::env::var("PATH").unwrap()));
    let folder = fixture.path("").canonicalize().unwrap();
    assert_eq!(
        fixture.read("where").trim_end(),
        folder.to_str().unwrap().trim_end_matches('/')
    );
}

#[actix::test]
async fn the_environment_can_be_cut_down() {
    let mut fixture = Fixture::new();
    let lean = Environment::inherited()
        .allow(["PATH", "CARGO*"])
        .deny(["CARGO_MANIFEST*"])
        .set("MODE", "a b");
    let handler = fixture.start(Script::command(fixture.sh("env > got").environment(lean)));
    handler.send(state("x", 7)).await.unwrap();
    assert!(fixture.ended().await.exit.is_success());
    let got = fixture.read("got");
    let names: Vec<&str> = got
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    assert!(
        names.contains(&"PATH") && names.contains(&"CONSUL_INDEX") && got.contains("MODE=a b\n"),
        "{got}"
    );
    assert!(
        names.contains(&"CARGO_PKG_NAME") && !names.contains(&"CARGO_MANIFEST_DIR"),
        "{got}"
    );
    assert!(!names.contains(&"HOME"), "{got}");
}

#[actix::test]
async fn a_line_goes_through_the_shell_and_a_program_does_not() {
    let mut fixture = Fixture::new();
    let line = Program::shell("echo \"$0 $1\" | tr a-z A-Z > got")
        .arg("a  b")
        .directory(fixture.path(""));
    fixture
        .start(Script::command(line))
        .send(state("x", 7))
        .await
        .unwrap();
    assert!(fixture.ended().await.exit.is_success());
    assert!(
        fixture.read("got").trim_end().ends_with(" A  B"),
        "{}",
        fixture.read("got")
    );
    let direct = Program::new("echo").args(["$HOME", "|", "*"]);
    fixture
        .start(Script::command(direct).output(OutputTo::Log))
        .send(state("x", 7))
        .await
        .unwrap();
    assert_eq!(fixture.ended().await.output.tail(), b"$HOME | *\n");
}

#[actix::test]
async fn a_large_state_that_is_not_read_is_no_error() {
    own_process!();
    let mut fixture = Fixture::new();
    for script in ["exit 0", "exec <&-; exit 0", "head -c 10 >/dev/null"] {
        let handler = fixture.start(Script::service(fixture.sh(script)).retry(None));
        let sent =
            tokio::time::timeout(DEADLINE, handler.send(state(vec![b'x'; 1 << 20], 7))).await;
        sent.expect("it does not hang").unwrap();
        let ended = fixture.ended().await;
        assert!(ended.exit.is_success(), "{script}: {}", ended.exit);
    }
    childless().await;
}

#[actix::test]
async fn a_large_state_and_a_large_output_do_not_wait_for_each_other() {
    let mut fixture = Fixture::new();
    // Prints more than a pipe holds before it reads more than a pipe holds.
    let script = "head -c 1000000 /dev/zero; wc -c > got; head -c 1000000 /dev/zero";
    let handler = fixture.start(Script::service(fixture.sh(script)));
    handler.send(state(vec![b'x'; 3 << 20], 7)).await.unwrap();
    let ended = fixture.ended().await;
    assert_eq!((ended.exit.code(), ended.output.total()), (0, 2_000_000));
    let read: usize = fixture.read("got").trim().parse().unwrap();
    assert!(read > 4 << 20, "all of it, in base64: {read}");
}

#[actix::test]
async fn both_streams_are_kept_in_their_order() {
    let mut fixture = Fixture::new();
    let script = "echo one; echo two >&2; echo three; exit 3";
    let handler = fixture.start(Script::service(fixture.sh(script)).retry(None));
    handler.send(state("x", 7)).await.unwrap();
    let ended = fixture.ended().await;
    assert!(matches!(ended.exit, Exit::Code(3)));
    assert_eq!(ended.output.to_string(), "one\ntwo\nthree\n");
}
