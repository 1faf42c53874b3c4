//! Answers that no Consul sends.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;

use flate2::{Compress, Compression, FlushCompress};

/// An answer: a head, and a body that is written piece by piece, so that it costs the test no memory.
#[derive(Clone)]
pub(crate) struct Reply {
    head: String,
    how: How,
    body: Arc<Body>,
}

/// Writes the body of the answer to this path.
type Body = dyn Fn(&str, &mut dyn Write) -> io::Result<()> + Send + Sync;

#[derive(Clone, Copy, PartialEq)]
enum How {
    Raw,
    Chunked,
}

impl Reply {
    fn new(
        how: How,
        headers: &[(&str, String)],
        body: impl Fn(&str, &mut dyn Write) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let mut head =
            "HTTP/1.1 200 OK\r\nConnection: close\r\nX-Consul-Index: 7777\r\n".to_owned();
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if how == How::Chunked {
            head.push_str("Transfer-Encoding: chunked\r\n");
        }
        head.push_str("\r\n");
        Self {
            head,
            how,
            body: Arc::new(body),
        }
    }

    /// Everything as it goes over the wire.
    pub(crate) fn wire(
        send: impl Fn(&mut dyn Write) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self {
            head: String::new(),
            how: How::Raw,
            body: Arc::new(move |_, out| send(out)),
        }
    }

    /// This body, with its length.
    pub(crate) fn of(body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self::new(
            How::Raw,
            &[("Content-Length", body.len().to_string())],
            move |_, out| out.write_all(&body),
        )
    }

    /// One body for keys and another for the rest, with their lengths unsaid.
    pub(crate) fn by_path(keys: impl Into<Vec<u8>>, other: impl Into<Vec<u8>>) -> Self {
        let (keys, other) = (keys.into(), other.into());
        Self::new(How::Chunked, &[], move |target, out| {
            out.write_all(if target.starts_with("/v1/kv/") {
                &keys
            } else {
                &other
            })
        })
    }

    /// Returns a body that has the length in its header.
    pub(crate) fn long(length: usize) -> Self {
        Self::new(
            How::Raw,
            &[("Content-Length", length.to_string())],
            move |_, out| spaces(out, length),
        )
    }

    /// Returns a body of this length in chunks.
    pub(crate) fn long_in_chunks(length: usize) -> Self {
        Self::new(How::Chunked, &[], move |_, out| spaces(out, length))
    }

    /// A list in chunks: so many times this entry, and then what ends it.
    pub(crate) fn list(count: usize, entry: &'static str, end: &'static str) -> Self {
        Self::new(How::Chunked, &[], move |_, out| {
            out.write_all(b"[")?;
            (0..count).try_for_each(|_| out.write_all(entry.as_bytes()))?;
            out.write_all(end.as_bytes())
        })
    }

    /// About a thousandth of what it says: so many mebibytes.
    pub(crate) fn bomb(encoding: &'static str, mebibytes: usize) -> Self {
        let zlib = encoding == "deflate";
        // Flushed in full, a piece can follow itself; so the whole is never made.
        let mut piece = Vec::with_capacity(64 * 1024);
        Compress::new(Compression::best(), false)
            .compress_vec(&vec![b' '; 1024 * 1024], &mut piece, FlushCompress::Full)
            .expect("it can be compressed");
        let head: &[u8] = if zlib {
            b"\x78\xda"
        } else {
            b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
        };
        Self::new(
            How::Chunked,
            &[("Content-Encoding", encoding.to_owned())],
            move |_, out| {
                out.write_all(head)?;
                (0..mebibytes).try_for_each(|_| out.write_all(&piece))
            },
        )
    }

    /// Sends it, and closes the connection.
    pub(crate) fn send(&self, target: &str, mut stream: &TcpStream) -> io::Result<()> {
        stream.write_all(self.head.as_bytes())?;
        let mut out = io::BufWriter::with_capacity(
            64 * 1024,
            Wire {
                stream,
                how: self.how,
            },
        );
        (self.body)(target, &mut out)?;
        out.flush()?;
        if self.how == How::Chunked {
            stream.write_all(b"0\r\n\r\n")?;
        }
        Ok(())
    }
}

/// A list that does not come to its first entry.
fn spaces(out: &mut dyn Write, length: usize) -> io::Result<()> {
    out.write_all(b"[")?;
    let piece = [b' '; 8192];
    let mut left = length - 1;
    while left > 0 {
        let now = left.min(piece.len());
        out.write_all(&piece[..now])?;
        left -= now;
    }
    Ok(())
}

struct Wire<'a> {
    stream: &'a TcpStream,
    how: How,
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.how == How::Chunked && !bytes.is_empty() {
            write!(self.stream, "{:x}\r\n", bytes.len())?;
            self.stream.write_all(bytes)?;
            self.stream.write_all(b"\r\n")?;
            return Ok(bytes.len());
        }
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
