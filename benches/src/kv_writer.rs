//! Writes keys over one persistent connection, so that a write costs the agent as little as possible.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::measure::monotonic_ns;

pub struct KvWriter {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
    request: Vec<u8>,
}

impl KvWriter {
    pub fn to(address: SocketAddr) -> Result<Self, String> {
        let timeout = Duration::from_secs(30);
        let connect = || {
            let stream = TcpStream::connect_timeout(&address, timeout)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(timeout))?;
            stream.set_write_timeout(Some(timeout))?;
            Ok(stream)
        };
        let stream = connect().map_err(|error: std::io::Error| format!("{address}: {error}"))?;
        Ok(Self {
            address,
            stream: BufReader::new(stream),
            request: Vec::new(),
        })
    }

    /// Writes a key, whose name needs no escapes, and returns the time just before the request was sent.
    pub fn put(&mut self, key: &str, value: &[u8]) -> Result<u64, String> {
        self.request.clear();
        let head = format!(
            "PUT /v1/kv/{key} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
            self.address,
            value.len()
        );
        self.request.extend_from_slice(head.as_bytes());
        self.request.extend_from_slice(value);
        let sent = monotonic_ns();
        self.exchange()
            .map_err(|error| format!("put {key}: {error}"))?;
        Ok(sent)
    }

    fn exchange(&mut self) -> std::io::Result<()> {
        self.stream.get_mut().write_all(&self.request)?;
        let (mut line, mut status, mut length) = (String::new(), None, 0_usize);
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let text = line.trim_end();
            if status.is_none() {
                status = Some(text.contains(" 200"));
            } else if let Some((name, value)) = text.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(std::io::Error::other)?;
            }
            if text.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        if status == Some(true) && body.starts_with(b"true") {
            Ok(())
        } else {
            Err(std::io::Error::other(
                String::from_utf8_lossy(&body).into_owned(),
            ))
        }
    }
}
