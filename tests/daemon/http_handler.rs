//! An HTTP handler from a file: calls like Consul's, signatures, and replacement by a reload.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::mpsc::{Receiver, channel},
    thread,
};

use consul_watch::daemon::Daemon;
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
