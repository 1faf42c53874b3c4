//! A server that receives what a handler delivers, and responds as the test wants.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use actix::prelude::*;
use consul_watch::Backoff;
use consul_watch::handlers::{RetryPolicy, Webhook, WebhookDelivered, WebhookHandler};
use consul_watch_harness::DEADLINE;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The response of the server to a request.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// Status with reason, further headers (each with its line end), body.
    Reply(&'static str, &'static str, &'static str),
    /// This text, and a moment later the response without a body of this status.
    After(&'static str, &'static str),
    /// Nothing, until the caller goes.
    Hang,
    /// It hangs up.
    Close,
}

pub(crate) const OK: Answer = Answer::Reply("200 OK", "", "thanks");

/// A request as it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// Method and target.
    pub(crate) line: String,
    /// Names in lower case, sorted.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(given, _)| given == name);
        found.map_or_else(|| panic!("no {name} in {self:?}"), |(_, value)| value)
    }
}

/// The server, and what was reported of the deliveries to it.
pub(crate) struct Target {
    address: SocketAddr,
    calls: UnboundedReceiver<Call>,
    hung_up: UnboundedReceiver<()>,
    listener: Addr<Listener>,
    reports: UnboundedReceiver<WebhookDelivered>,
}

struct Listener(UnboundedSender<WebhookDelivered>);

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<WebhookDelivered> for Listener {
    type Result = ();

    fn handle(&mut self, delivered: WebhookDelivered, _: &mut Self::Context) {
        let _ = self.0.send(delivered);
    }
}

impl Target {
    /// Answers the first request like the first of these, and all beyond the last like the last.
    pub(crate) fn start(answers: &'static [Answer]) -> Self {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = server.local_addr().expect("an address");
        let (called, calls) = unbounded_channel();
        let (gone, hung_up) = unbounded_channel();
        thread::spawn(move || {
            for (turn, stream) in server.incoming().enumerate() {
                let stream = stream.expect("a connection");
                let answer = answers[turn.min(answers.len() - 1)];
                let (called, gone) = (called.clone(), gone.clone());
                thread::spawn(move || serve(stream, answer, &called, &gone));
            }
        });
        let (told, reports) = unbounded_channel();
        Self {
            address,
            calls,
            hung_up,
            listener: Listener(told).start(),
            reports,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A handler that tries again soon, and reports to the test.
    pub(crate) fn handler(&self, webhook: Webhook) -> Addr<WebhookHandler> {
        let soon = Backoff::new(Duration::from_millis(100), Duration::from_millis(200))
            .expect("a back-off");
        let webhook = webhook.retry(RetryPolicy::default().backoff(soon).without_end());
        WebhookHandler::new(webhook.events(self.listener.clone().recipient()))
            .expect("it can be called")
            .start()
    }

    /// The next request.
    pub(crate) async fn call(&mut self) -> Call {
        let call = tokio::time::timeout(DEADLINE, self.calls.recv()).await;
        call.expect("a request should have come")
            .expect("the server runs")
    }

    pub(crate) fn has_no_call(&mut self) {
        assert!(self.calls.try_recv().is_err(), "nothing more is delivered");
    }

    /// The next report.
    pub(crate) async fn report(&mut self) -> WebhookDelivered {
        let report = tokio::time::timeout(DEADLINE, self.reports.recv()).await;
        report
            .expect("a call should have ended")
            .expect("the listener lives")
    }

    /// Waits until a caller that was kept waiting has gone.
    pub(crate) async fn hung_up(&mut self) {
        let gone = tokio::time::timeout(DEADLINE, self.hung_up.recv()).await;
        gone.expect("the caller should have gone")
            .expect("the server runs");
    }
}

fn serve(
    mut stream: TcpStream,
    answer: Answer,
    called: &UnboundedSender<Call>,
    gone: &UnboundedSender<()>,
) {
    let Some(call) = read(&mut stream) else {
        return;
    };
    // A test that has ended wants nothing more.
    let _ = called.send(call);
    match answer {
        Answer::Reply(status, headers, body) => {
            let length = body.len();
            let reply = format!(
                "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
            );
            let _ = stream.write_all(reply.as_bytes());
        }
        Answer::After(text, status) => {
            let _ = stream.write_all(text.as_bytes());
            thread::sleep(Duration::from_millis(20));
            let reply = format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(reply.as_bytes());
        }
        Answer::Hang => {
            let _ = stream.read(&mut [0]);
            let _ = gone.send(());
        }
        Answer::Close => {}
    }
}

fn read(stream: &mut TcpStream) -> Option<Call> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next()?.strip_suffix(" HTTP/1.1")?.to_owned();
    let pair = |line: &str| {
        line.split_once(": ")
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
    };
    let mut headers: Vec<_> = lines.filter_map(pair).collect();
    headers.sort();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")?
        .1
        .parse()
        .ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Call {
        line,
        headers,
        body: String::from_utf8(body).ok()?,
    })
}
