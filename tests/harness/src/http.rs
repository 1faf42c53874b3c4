//! A small blocking HTTP/1.1 client: one request, one connection.
//!
//! Tests write and check with it, and so without the client under test.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::kv::refused;

/// An agent's answer.
#[derive(Clone, Debug)]
pub struct HttpReply {
    /// The status code.
    pub status: u16,
    /// Names as received, values without surrounding blanks.
    pub headers: Vec<(String, String)>,
    /// The body, without its chunks.
    pub body: Vec<u8>,
}

impl HttpReply {
    /// Returns the first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Returns the body as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Requests to one address, with one token. Cheap to clone and free to move to another thread.
#[derive(Clone)]
pub struct Http {
    addr: SocketAddr,
    token: Option<String>,
    timeout: Duration,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http")
            .field("addr", &self.addr)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Http {
    /// Returns a client for `addr` without a token, which gives a request up after 30 s of silence.
    pub fn new(addr: SocketAddr) -> Self {
        Self {
            addr,
            token: None,
            timeout: Duration::from_secs(30),
        }
    }

    /// Sends this token with every request.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Gives a request up after this long without a byte.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Returns the address of the requests.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sends a request and reads the reply, whatever its status.
    ///
    /// # Panics
    ///
    /// When the agent cannot be reached or its reply cannot be read.
    #[track_caller]
    pub fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> HttpReply {
        match self.try_request(method, target, headers, body) {
            Ok(reply) => reply,
            Err(error) => panic!("{method} {target} to {}: {error}", self.addr),
        }
    }

    /// Sends a request and reads the reply, whatever its status.
    ///
    /// # Errors
    ///
    /// When the agent cannot be reached or its reply cannot be read.
    pub fn try_request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<HttpReply> {
        let mut stream = TcpStream::connect_timeout(&self.addr, self.timeout)?;
        stream.set_read_timeout(Some(self.timeout))?;
        stream.set_write_timeout(Some(self.timeout))?;
        stream.set_nodelay(true)?;
        let mut head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.addr
        );
        let token = self.token.as_deref().map(|token| ("X-Consul-Token", token));
        for (name, value) in headers.iter().copied().chain(token) {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "Content-Length: {}\r\n\r\n", body.len());
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        stream.write_all(&request)?;
        read_reply(&mut BufReader::new(stream), method == "HEAD")
    }
}

/// The API beside the KV store, in JSON.
impl Http {
    /// Reads from Consul's API.
    ///
    /// # Panics
    ///
    /// When the reply is not 200 or not JSON.
    #[track_caller]
    pub fn get_json(&self, target: &str) -> Value {
        json(target, &self.request("GET", target, &[], b""))
    }

    /// Writes to Consul's API, without a body for `null`.
    ///
    /// # Panics
    ///
    /// When the reply is not 200, or not JSON and not empty.
    #[track_caller]
    pub fn put_json(&self, target: &str, body: &Value) -> Value {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        json(target, &self.request("PUT", target, &[], body.as_bytes()))
    }
}

impl Http {
    /// [`Http::put_json`] without the panic.
    ///
    /// # Errors
    ///
    /// When Consul cannot be reached or refuses, or its reply is not JSON and not empty.
    pub fn try_put_json(&self, target: &str, body: &Value) -> io::Result<Value> {
        let reply = self.try_request("PUT", target, &[], body.to_string().as_bytes())?;
        match reply.status {
            200 if reply.body.is_empty() => Ok(Value::Null),
            200 => Ok(serde_json::from_slice(&reply.body)?),
            _ => Err(refused(&reply)),
        }
    }
}

#[track_caller]
fn json(target: &str, reply: &HttpReply) -> Value {
    assert_eq!(reply.status, 200, "{target}: {}", reply.text());
    if reply.body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(&reply.body)
        .unwrap_or_else(|error| panic!("{target}: {error} in {}", reply.text()))
}

fn read_reply(from: &mut impl BufRead, no_body: bool) -> io::Result<HttpReply> {
    let status_line = line(from)?;
    let status = status_line
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| invalid(&format!("not a status line: {status_line:?}")))?;
    let mut headers = Vec::new();
    loop {
        let line = line(from)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| invalid(&format!("not a header: {line:?}")))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut reply = HttpReply {
        status,
        headers,
        body: Vec::new(),
    };
    if no_body || matches!(status, 204 | 304) {
        return Ok(reply);
    }
    if reply
        .header("Transfer-Encoding")
        .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
    {
        reply.body = chunks(from)?;
    } else if let Some(length) = reply.header("Content-Length") {
        let length: u64 = length
            .parse()
            .map_err(|_| invalid(&format!("not a length: {length:?}")))?;
        from.take(length).read_to_end(&mut reply.body)?;
        if reply.body.len() as u64 != length {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the body was cut",
            ));
        }
    } else {
        from.read_to_end(&mut reply.body)?;
    }
    Ok(reply)
}

fn chunks(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(from)?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16)
            .map_err(|_| invalid(&format!("not a chunk size: {size:?}")))?;
        if size == 0 {
            while !line(from)?.is_empty() {}
            return Ok(body);
        }
        if from.take(size).read_to_end(&mut body)? as u64 != size {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the chunk was cut",
            ));
        }
        line(from)?;
    }
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    if from.read_until(b'\n', &mut line)? == 0 {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the connection was closed before the reply",
        ));
    }
    while matches!(line.last(), Some(b'\n' | b'\r')) {
        line.pop();
    }
    String::from_utf8(line).map_err(|_| invalid("a line of the head is no UTF-8"))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(reply: &str) -> io::Result<HttpReply> {
        read_reply(&mut reply.as_bytes(), false)
    }

    #[test]
    fn reads_a_body_by_length_by_chunks_and_to_the_end() {
        let sized =
            parse("HTTP/1.1 404 Not Found\r\nx-consul-index:  7 \r\nContent-Length: 2\r\n\r\nhi")
                .unwrap();
        assert_eq!(
            (
                sized.status,
                sized.header("X-Consul-Index"),
                sized.text().as_str()
            ),
            (404, Some("7"), "hi")
        );
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(parse(chunked).unwrap().text(), "abc0123456789");
        assert_eq!(
            parse("HTTP/1.0 200 OK\r\n\r\nto the end").unwrap().text(),
            "to the end"
        );
    }

    #[test]
    fn a_cut_reply_is_an_error() {
        for cut in [
            "",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        ] {
            assert_eq!(
                parse(cut).unwrap_err().kind(),
                io::ErrorKind::UnexpectedEof,
                "{cut:?}"
            );
        }
    }
}
