//! A server that answers like Consul, or with a hostile reply.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::reply::Reply;

/// The time that a query is held while nothing changes, as its `wait` says.
const HELD: Duration = Duration::from_secs(1);

/// The server's answers.
struct State {
    value: String,
    index: u64,
    hostile: Option<Reply>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// Its threads end with their connections, and the listener's with the process.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    pub(crate) fn start(value: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its number");
        let state = State {
            value: value.to_owned(),
            index: 10,
            hostile: None,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let for_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&for_thread);
                // Fails when a client disconnects in the middle, as it may.
                thread::spawn(move || shared.serve(&stream));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers every query with this from now on.
    pub(crate) fn answers_with(&self, reply: Reply) {
        let mut state = self.shared.state();
        state.hostile = Some(reply);
        self.shared.changed.notify_all();
    }

    /// Answers every query with this value from now on.
    pub(crate) fn has(&self, value: &str) {
        let mut state = self.shared.state();
        state.hostile = None;
        value.clone_into(&mut state.value);
        state.index += 1;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        let mut requests = BufReader::new(stream.try_clone()?);
        while let Some(target) = head(&mut requests)? {
            match self.answer(&target) {
                Ok(body) => good(stream, &body)?,
                Err(reply) => return reply.send(&target, stream),
            }
        }
        Ok(())
    }

    /// Returns the good answer once it changed, or the hostile one.
    fn answer(&self, target: &str) -> Result<(u64, String), Reply> {
        let known = target
            .split(['?', '&'])
            .find_map(|part| part.strip_prefix("index="));
        let known: u64 = known.and_then(|index| index.parse().ok()).unwrap_or(0);
        let wait = |state: &mut State| state.hostile.is_none() && state.index <= known;
        let (state, _) = self
            .changed
            .wait_timeout_while(self.state(), HELD, wait)
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(reply) = state.hostile.clone() {
            return Err(reply);
        }
        let index = state.index;
        let value = &state.value;
        let body = if target.starts_with("/v1/catalog/nodes") {
            format!(
                r#"[{{"Node":"here","Address":"{value}","CreateIndex":1,"ModifyIndex":{index}}}]"#
            )
        } else {
            pair("app/a", value, index)
        };
        Ok((index, body))
    }
}

/// Returns the list of this one pair, as Consul writes it.
pub(crate) fn pair(key: &str, value: &str, index: u64) -> String {
    use base64::Engine;
    let value = base64::engine::general_purpose::STANDARD.encode(value);
    format!(
        r#"[{{"LockIndex":0,"Key":"{key}","Flags":0,"Value":"{value}","CreateIndex":1,"ModifyIndex":{index}}}]"#
    )
}

/// Reads a request, and returns its path and query.
fn head(requests: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut first = String::new();
    if requests.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut line = String::new();
    while requests.read_line(&mut line)? > 2 {
        line.clear();
    }
    Ok(first.split(' ').nth(1).map(str::to_owned))
}

fn good(mut stream: &TcpStream, (index, body): &(u64, String)) -> io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nX-Consul-Index: {index}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}
