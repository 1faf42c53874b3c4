//! The example `web_config`: handlers on other threads read the live struct while keys change.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Instant,
};

use consul_watch_harness::{DEADLINE, Signal, TestAgent, signal};

/// The built example, beside the tests.
fn example() -> PathBuf {
    let tests = std::env::current_exe().expect("the test has a path");
    let target = tests
        .parent()
        .and_then(|deps| deps.parent())
        .expect("tests are in target/<profile>/deps");
    let example = target.join("examples/web_config");
    if !example.exists() {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--example", "web_config"])
            .status();
        assert!(
            built.expect("cargo runs").success(),
            "the example can be built"
        );
    }
    example
}

fn answer(address: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the example listens");
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("it takes a request");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("it answers");
    reply
        .split("\r\n\r\n")
        .nth(1)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn until(address: &str, wanted: &str) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let found = answer(address);
        if found == wanted {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "waited {DEADLINE:?} for {wanted:?}, and it says {found:?}"
        );
    }
}

fn started(agent: &TestAgent) -> (Child, String) {
    let mut child = Command::new(example())
        .env("CONSUL_HTTP_ADDR", agent.url())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the example runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it is piped"))
        .read_line(&mut line)
        .expect("it says where");
    let address = line
        .trim()
        .strip_prefix("listening on ")
        .expect("an address")
        .to_owned();
    (child, address)
}

#[test]
fn handlers_read_the_live_struct_while_keys_change() {
    let agent = TestAgent::dev();
    let (mut child, address) = started(&agent);
    assert_eq!(answer(&address), "Hello (at most 10 guests)");
    agent.put("web/greeting", "Good morning");
    until(&address, "Good morning (at most 10 guests)");

    // Under load every answer is a state that there was, and the last one comes.
    let http = agent.http();
    let writer = std::thread::spawn(move || {
        for guests in 0..300 {
            http.put("web/guests", guests.to_string());
        }
    });
    while !writer.is_finished() {
        let found = answer(&address);
        assert!(found.starts_with("Good morning (at most "), "{found:?}");
    }
    writer.join().expect("the writer wrote");
    until(&address, "Good morning (at most 299 guests)");
    agent.delete_tree("web");
    until(&address, "Hello (at most 10 guests)");
    signal(&child, Signal::INT).expect("it runs");
    assert!(child.wait().expect("it ends").success());
}
