//! An HTTP handler from a file: calls like Consul's, signatures, and replacement by a reload.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::mpsc::{Receiver, channel},
    thread,
};

use consul_watch::{
    ConsulConfig,
    daemon::{Daemon, DaemonConfig, RunOptions, check},
};
use consul_watch_harness::{DEADLINE, TestAgent, eventually_async, eventually_some_async};

use crate::fixture::{Folder, consul};

/// Starts a server that answers every request with this status, and forwards the lines of its head and its body.
pub(crate) fn server(status: &'static str) -> (String, Receiver<(Vec<String>, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let (sender, received) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                loop {
                    let head: Vec<String> = reader
                        .by_ref()
                        .lines()
                        .map_while(Result::ok)
                        .take_while(|line| !line.is_empty())
                        .collect();
                    let length = head.iter().find_map(|line| {
                        line.to_lowercase()
                            .strip_prefix("content-length: ")?
                            .parse()
                            .ok()
                    });
                    let Some(length) = length else { return };
                    let mut body = vec![0; length];
                    reader.read_exact(&mut body).expect("a body");
                    // The receiver is gone when the test has ended.
                    let _ = sender.send((head, String::from_utf8(body).expect("text")));
                    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                    reader
                        .get_mut()
                        .write_all(answer.as_bytes())
                        .expect("an answer");
                }
            });
        }
    });
    (url, received)
}

#[actix_rt::test]
async fn a_state_that_one_url_refused_goes_to_the_next() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let ((refusing, refused), (good, taken)) = (server("403 Forbidden"), server("204 No Content"));
    agent.put("a", "1");
    std::fs::write(folder.path("secret"), "s3cret\n").unwrap();
    let text = |url: &str, more: &str| {
        format!(
            "{}watches {{ type = \"key\"\n key = \"a\"\n handler_type = \"http\"\n http_handler_config {{\n path = \"{url}\"\n \
             method = \"PUT\"\n header {{ X-Team = [\"one\", \"two\"] }}\n secret {{ file = \"{}\" }}\n {more}\n}} }}",
            consul(&agent.url()),
            folder.path("secret").display()
        )
    };
    let mut daemon = Daemon::start(folder.load(&text(&refusing, "")))
        .await
        .unwrap();
    let next = async |what: &str, from: &Receiver<_>| {
        eventually_some_async(DEADLINE, what, || from.try_recv().ok()).await
    };
    next("a call that is refused", &refused).await;

    daemon.reload(folder.load(&text(&good, ""))).await.unwrap();
    let (head, body): (Vec<String>, String) = next("the same state at the other URL", &taken).await;
    assert!(head[0].starts_with("PUT /hook "), "{head:?}");
    assert!(body.contains(r#""Value":"MQ==""#), "{body}");
    let header = |name: &str| {
        head.iter()
            .filter(|line| line.to_lowercase().starts_with(name))
            .count()
    };
    assert_eq!(
        (
            header("x-consul-index: "),
            header("x-consul-watch-signature: t=")
        ),
        (1, 1),
        "{head:?}"
    );
    assert_eq!(header("x-team: "), 2, "{head:?}");

    // A state that the URL has accepted is not sent again with other settings.
    daemon
        .reload(folder.load(&text(&good, "timeout = \"3s\"")))
        .await
        .unwrap();
    agent.put("a", "2");
    let (_, body) = next("the next state", &taken).await;
    assert!(body.contains(r#""Value":"Mg==""#), "{body}");
    daemon.stop().await;
    assert!(
        refused.try_recv().is_err() && taken.try_recv().is_err(),
        "no further calls"
    );
}

#[actix_rt::test]
async fn a_state_that_may_have_been_sent_before_is_marked() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let (url, calls) = server("204 No Content");
    agent.put("a", "1");
    let file = folder.path("checkpoint");
    let text = format!(
        "{}watches {{ type = \"key\"\n key = \"a\"\n handler_type = \"http\"\n checkpoint = \"{}\"\n \
         http_handler_config {{ path = \"{url}\" }} }}",
        consul(&agent.url()),
        file.display()
    );
    let marked = async || {
        let call = eventually_some_async(DEADLINE, "a call", || calls.try_recv().ok()).await;
        let (head, _): (Vec<String>, String) = call;
        let name = "x-consul-watch-repeated: ";
        let mark = head
            .iter()
            .find_map(|line| line.to_lowercase().strip_prefix(name).map(str::to_owned));
        mark.expect("a mark")
    };
    let daemon = Daemon::start(folder.load(&text)).await.unwrap();
    assert_eq!(marked().await, "0");
    eventually_async(DEADLINE, "the checkpoint", || file.exists()).await;
    daemon.stop().await;

    // As after a crash in the middle of a later call.
    let mut checkpoint: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    checkpoint["begun"] = true.into();
    std::fs::write(&file, checkpoint.to_string()).unwrap();
    let daemon = Daemon::start(folder.load(&text)).await.unwrap();
    assert_eq!(marked().await, "1");
    agent.put("a", "2");
    assert_eq!(marked().await, "0");
    daemon.stop().await;
}

/// The URL with its query, the body byte by byte, and the headers that a file sets.
#[actix_rt::test]
async fn a_call_is_that_of_an_agent() {
    const PATHS: [&str; 8] = [
        "",
        "/p|q\\\"{x}?a=b|c",
        "/ü/(x)[y]",
        "/a b",
        "/a%20b/../c%2Fd?x=%7C",
        "/!'()*[]$&+,;=:~",
        "/${x}?${y}",
        "?a?b#c",
    ];
    let (theirs, ours) = (Folder::new(), Folder::new());
    let text = |url: &str| {
        let url = url.trim_end_matches("/hook");
        let watch = |path: &&str| {
            let header = r#"{ "X-Team": ["one", "two"], "Host": ["h.example"], "Connection": ["x"], "Content-Length": ["5"],
                "Transfer-Encoding": ["chunked"], "Trailer": ["x"] }"#;
            format!(
                r#"{{ "type": "key", "key": "a", "handler_type": "http",
                "http_handler_config": {{ "path": "{url}{path}", "method": "PUT", "header": {header} }} }}"#
            )
        };
        let watches: Vec<_> = PATHS.iter().map(watch).collect();
        format!("{{ \"watches\": [{}] }}", watches.join(", "))
    };
    let agent = TestAgent::builder()
        .dev()
        .config_dir(theirs.path(""))
        .start();
    agent.put("a", "1");
    let (their_url, their_calls) = server("204 No Content");
    let (our_url, our_calls) = server("204 No Content");
    std::fs::write(theirs.path("a.json"), text(&their_url)).unwrap();
    let reply = agent.request("PUT", "/v1/agent/reload", &[], b"");
    assert_eq!(reply.status, 200, "{}", reply.text());
    std::fs::write(ours.path("a.json"), text(&our_url)).unwrap();
    let base = ConsulConfig::default().with_address(agent.url()).unwrap();
    let config = DaemonConfig::load(&[ours.path("a.json")], &base);
    let daemon = Daemon::start(config.unwrap_or_else(|errors| panic!("{errors}")))
        .await
        .unwrap();

    let calls = async |from: &Receiver<(Vec<String>, String)>, url: &str| {
        let host = url.trim_start_matches("http://").trim_end_matches("/hook");
        let mut found = Vec::new();
        for path in PATHS {
            let (head, body) = eventually_some_async(DEADLINE, path, || from.try_recv().ok()).await;
            let set = |line: &&String| {
                let line = line.to_lowercase();
                line.starts_with("x-team: ") || line.starts_with("host: ")
            };
            let mut set: Vec<_> = head
                .iter()
                .filter(set)
                .map(|line| line.to_lowercase().replace(host, "HOST"))
                .collect();
            set.sort();
            found.push((head[0].clone(), set, body));
        }
        found.sort();
        found
    };
    let their_calls = calls(&their_calls, &their_url).await;
    let our_calls = calls(&our_calls, &our_url).await;
    assert_eq!(their_calls, our_calls);
    assert_eq!(our_calls[0].1, ["host: HOST", "x-team: one", "x-team: two"]);
    assert!(our_calls[0].2.ends_with("}\n"), "{our_calls:?}");
    daemon.stop().await;
}

#[test]
fn a_header_that_each_call_sets_itself_is_ignored_with_a_warning() {
    let folder = Folder::new();
    let names = [
        "Host",
        "connection",
        "Content-Length",
        "Transfer-Encoding",
        "X-Consul-Index",
        "Idempotency-Key",
    ];
    let headers: Vec<_> = names
        .iter()
        .map(|name| format!("{name} = [\"hunter2\"]"))
        .collect();
    let text = format!(
        "watches {{ type = \"nodes\"\n handler_type = \"http\"\n http_handler_config {{\n path = \"http://127.0.0.1:9/\"\n \
         header {{ X-Team = [\"a\"]\n{}\n}} }} }}",
        headers.join("\n")
    );
    let summary = check(&[folder.configure(&text)], &RunOptions::default());
    let summary = summary.unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(summary.warnings().len(), names.len(), "{summary}");
    for (at, name) in names.iter().enumerate() {
        let expected = format!(
            "watches.hcl:{}: watches[0].http_handler_config: `{name}` in `header` is ignored",
            at + 6
        );
        assert!(summary.to_string().contains(&expected), "{summary}");
    }
    assert!(!summary.to_string().contains("hunter2"), "{summary}");
}
