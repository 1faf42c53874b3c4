//! A watch that gets no connection to an agent says why, and what to do.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener},
    os::unix::{fs::PermissionsExt, net::UnixListener},
    process::Command,
    thread,
};

use consul_watch_harness::{Authority, TestAgent};

use crate::runner::{finished, interrupted, ours, ours_at, text, theirs_at, until};

const WATCH: [&str; 2] = ["-type=key", "-key=a"];

/// Runs a watch that has to fail, and returns what it says.
#[track_caller]
fn told(command: &mut Command) -> String {
    let output = finished(command, WATCH);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    told
}

fn at(address: &str) -> Command {
    let mut command = ours();
    command.env("CONSUL_HTTP_ADDR", address);
    command
}

/// The agent says so only after the handshake, and in TLS 1.3 beside the first request.
#[test]
fn a_client_certificate_that_is_required_is_named() {
    let authority = Authority::new();
    let agent = authority
        .agent()
        .config("verify_incoming_https = true")
        .start();
    let mut command = at(&format!("https://{}", agent.https_addr()));
    command.env("CONSUL_CACERT", authority.certificate());
    let told = told(&mut command);
    for part in ["requires a client certificate", "CONSUL_CLIENT_CERT"] {
        assert!(told.contains(part), "no `{part}`: {told}");
    }
}

#[test]
fn a_socket_that_is_missing_is_named() {
    let told = told(&mut at("unix:///nonexistent/consul.sock"));
    for part in ["there is no such socket", "CONSUL_HTTP_ADDR"] {
        assert!(told.contains(part), "no `{part}`: {told}");
    }
}

#[test]
fn a_socket_that_may_not_be_used_is_named() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("consul.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if std::os::unix::net::UnixStream::connect(&path).is_ok() {
        // Root may use every socket.
        return;
    }
    let told = told(&mut at(&format!("unix://{}", path.display())));
    assert!(
        told.contains("may not connect") && told.contains("write permission"),
        "{told}"
    );
}

#[test]
fn a_limit_of_open_files_is_named() {
    let agent = TestAgent::dev();
    let config = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    let watches: Vec<_> = (0..60)
        .map(|number| serde_json::json!({ "type": "key", "key": format!("k/{number}"), "args": ["true"] }))
        .collect();
    let content = serde_json::json!({ "consul": { "address": agent.url() }, "watches": watches });
    fs::write(config.path(), content.to_string()).unwrap();
    let log = tempfile::NamedTempFile::new().unwrap();
    // The shell's limit is that of the program which replaces it.
    let mut command = Command::new("sh");
    let child = command
        .args(["-c", "ulimit -n 40; exec \"$0\" run \"$1\""])
        .arg(ours().get_program())
        .arg(config.path())
        .stderr(log.reopen().unwrap())
        .spawn()
        .unwrap();
    let says = |line: &str| {
        line.contains("cannot connect for") && line.contains("as many open files as it may")
    };
    until(log.path(), "the limit", |text| text.lines().any(says));
    interrupted(child);
}

/// As for Consul's commands, no host is this machine.
#[test]
fn an_address_of_a_port_alone_is_this_machine() {
    let agent = TestAgent::dev();
    agent.put("a", b"1");
    let port = agent.http_addr().port();
    for address in [format!(":{port}"), format!("http://:{port}")] {
        let shown = finished(&mut at(&address), WATCH);
        assert!(shown.status.success(), "{address}: {}", text(&shown.stderr));
        let theirs = finished(theirs_at(&agent).env("CONSUL_HTTP_ADDR", &address), WATCH);
        assert_eq!(text(&shown.stdout), text(&theirs.stdout), "{address}");
    }
    let option = format!("-http-addr=:{port}");
    let shown = finished(&mut ours(), ["-type=key", "-key=a", &option]);
    assert!(shown.status.success(), "{}", text(&shown.stderr));
}

/// A web server: each request is answered with this status.
fn server(answer: &'static str) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                while lines
                    .next()
                    .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
                {}
                let _ = stream.write_all(answer.as_bytes());
            });
        }
    });
    format!("http://{address}")
}

#[test]
fn another_server_than_consul_is_named_at_once() {
    for answer in [
        "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\nConnection: close\r\n\r\nnot found",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>",
        "HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>",
        "SSH-2.0-OpenSSH_9.2\r\n",
    ] {
        let told = told(&mut at(&server(answer)));
        let remedies = [
            "check CONSUL_HTTP_ADDR",
            "check that a Consul agent listens",
        ];
        let has_one = remedies.iter().any(|remedy| told.contains(remedy));
        assert!(has_one, "{answer}: {told}");
    }
    let agent = TestAgent::dev();
    let told = told(ours_at(&agent).env("CONSUL_HTTP_ADDR", format!("{}/wrong", agent.url())));
    assert!(
        told.contains("404") && told.contains("check CONSUL_HTTP_ADDR and its path"),
        "{told}"
    );
}
