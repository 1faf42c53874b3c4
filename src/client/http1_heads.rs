//! Heads of HTTP/1.1 responses, in the form that awc reads.
//!
//! - awc takes an interim response ([RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-15.2)) for the response,
//!   and the response for that of the next request. Interim responses are therefore left out, but for the
//!   `100 Continue` that a request with `Expect` waits for.
//! - awc takes a response without a length for one without a body, and reads it to the end of the connection
//!   ([RFC 9112](https://www.rfc-editor.org/rfc/rfc9112#section-6.3)) under HTTP/1.0 only. Such a response is therefore
//!   passed on as HTTP/1.0.

use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_rt::net::{ActixStream, Ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest head that is examined, in bytes; awc refuses longer ones.
const MAX_HEAD: usize = 128 * 1024;

/// The bytes that are read at once while a head is expected.
const CHUNK: usize = 8 * 1024;

/// A connection that shows awc such heads.
pub(crate) struct Http1Heads<S> {
    stream: S,
    /// A request was sent, and the head of its response is not complete.
    expects_head: bool,
    /// The request waits for `100 Continue` before it sends its body.
    expects_continue: bool,
    /// The part of a head that was read.
    head: Vec<u8>,
    /// The bytes that awc has not read yet.
    ready: Vec<u8>,
    taken: usize,
}

impl<S> Http1Heads<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            expects_head: false,
            expects_continue: false,
            head: Vec::new(),
            ready: Vec::new(),
            taken: 0,
        }
    }

    /// Takes bytes in; a complete head becomes ready with all behind it.
    fn receive(&mut self, bytes: &[u8]) {
        self.head.extend_from_slice(bytes);
        while let Some(end) = end_of_head(&self.head) {
            let rest = self.head.split_off(end);
            let mut head = std::mem::replace(&mut self.head, rest);
            if is_interim(&head) {
                if self.expects_continue && is_continue(&head) {
                    self.expects_continue = false;
                    self.ready.append(&mut head);
                }
                continue;
            }
            if is_close_delimited(&head) {
                head[VERSION] = b'0';
            }
            self.ready.append(&mut head);
            return self.pass_on();
        }
        if self.head.len() > MAX_HEAD {
            self.pass_on();
        }
    }

    /// Notes that awc sends this.
    fn send(&mut self, bytes: &[u8]) {
        // awc writes the head of a request at once, and before anything of its body.
        if !self.expects_head {
            self.expects_continue = expects_continue(bytes);
        }
        self.expects_head = true;
    }

    /// Makes all that was read ready, as it is.
    fn pass_on(&mut self) {
        self.expects_head = false;
        self.ready.append(&mut self.head);
    }

    /// Gives awc what is ready; returns whether there was anything.
    fn give(&mut self, into: &mut ReadBuf<'_>) -> bool {
        let left = &self.ready[self.taken..];
        if left.is_empty() {
            return false;
        }
        let count = left.len().min(into.remaining());
        into.put_slice(&left[..count]);
        self.taken += count;
        if self.taken == self.ready.len() {
            self.ready = Vec::new();
            self.taken = 0;
        }
        true
    }
}

const EXPECTS_CONTINUE: &[u8] = b"expect: 100-continue";

/// The place of the minor version in a head: `HTTP/1.1`.
const VERSION: usize = 7;

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

/// The status of an HTTP/1.1 response.
fn status(head: &[u8]) -> Option<&[u8]> {
    head.strip_prefix(b"HTTP/1.1 ")?.get(..3)
}

/// Whether another response to the same request follows. A change of protocol is the last one.
fn is_interim(head: &[u8]) -> bool {
    let status = head
        .strip_prefix(b"HTTP/1.")
        .and_then(|rest| rest.get(1..5));
    status.is_some_and(|status| status.starts_with(b" 1") && status != b" 101")
}

fn is_continue(head: &[u8]) -> bool {
    head.get(VERSION + 1..)
        .is_some_and(|rest| rest.starts_with(b" 100"))
}

/// Whether the head of a request has `Expect: 100-continue`.
fn expects_continue(request: &[u8]) -> bool {
    let request = &request[..request.len().min(MAX_HEAD)];
    let head = end_of_head(request).map_or(request, |end| &request[..end]);
    head.split(|byte| *byte == b'\n')
        .any(|line| line.trim_ascii().eq_ignore_ascii_case(EXPECTS_CONTINUE))
}

fn is_close_delimited(head: &[u8]) -> bool {
    let has_body = status(head).is_some_and(|status| !matches!(status, b"204" | b"304" | b"101"));
    let has_length = head.split(|byte| *byte == b'\n').any(|line| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        name.eq_ignore_ascii_case(b"content-length")
            || name.eq_ignore_ascii_case(b"transfer-encoding")
    });
    has_body && !has_length
}

impl<S: AsyncRead + Unpin> AsyncRead for Http1Heads<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.give(into) {
                return Poll::Ready(Ok(()));
            }
            if !this.expects_head {
                return Pin::new(&mut this.stream).poll_read(task, into);
            }
            let mut chunk = [0; CHUNK];
            let mut read = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut this.stream).poll_read(task, &mut read))?;
            if read.filled().is_empty() {
                // The end: awc judges what there is.
                this.pass_on();
                this.give(into);
                return Poll::Ready(Ok(()));
            }
            this.receive(read.filled());
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Http1Heads<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.send(from);
        Pin::new(&mut self.stream).poll_write(task, from)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.send(from.first().map_or(&[], |first| &**first));
        Pin::new(&mut self.stream).poll_write_vectored(task, from)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }
}

impl<S: ActixStream> ActixStream for Http1Heads<S> {
    fn poll_read_ready(&self, task: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        self.stream.poll_read_ready(task)
    }

    fn poll_write_ready(&self, task: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        self.stream.poll_write_ready(task)
    }
}

impl<S: fmt::Debug> fmt::Debug for Http1Heads<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Http1Heads").field(&self.stream).finish()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn passed_on(answer: &str) -> String {
        passed_on_after("GET / HTTP/1.1\r\n\r\n", answer).await
    }

    async fn passed_on_after(request: &str, answer: &str) -> String {
        // In every size of pieces, so that a head comes in parts too.
        let mut all = Vec::new();
        for size in [1, 3, 1000] {
            let pieces: Vec<_> = answer
                .as_bytes()
                .chunks(size)
                .map(|piece| Ok::<_, io::Error>(bytes::Bytes::copy_from_slice(piece)))
                .collect();
            let (client, mut server) = tokio::io::duplex(size);
            let write = actix_rt::spawn(async move {
                use tokio::io::AsyncWriteExt as _;
                for piece in pieces {
                    server.write_all(&piece?).await?;
                }
                io::Result::Ok(())
            });
            let mut text = String::new();
            let mut client = Http1Heads::new(client);
            client.send(request.as_bytes());
            client.read_to_string(&mut text).await.unwrap();
            write.await.unwrap().unwrap();
            all.push(text);
        }
        assert!(all.iter().all(|text| *text == all[0]), "{all:?}");
        all.remove(0)
    }

    #[actix_rt::test]
    async fn only_a_response_without_a_length_is_changed() {
        for same in [
            "HTTP/1.1 200 OK\r\ncontent-LENGTH: 2\r\n\r\n[]",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\n\r\n",
            "HTTP/1.0 200 OK\r\n\r\n[]",
            "HTTP/1.1 200 OK\r\nX: y",
            "no HTTP\r\n\r\n",
            "",
        ] {
            assert_eq!(passed_on(same).await, same);
        }
        let closed = "HTTP/1.1 200 OK\r\nX: y\r\n\r\n[]\r\n\r\n";
        let as_1_0 = closed.replace("HTTP/1.1", "HTTP/1.0");
        assert_eq!(passed_on(closed).await, as_1_0);
    }

    #[actix_rt::test]
    async fn interim_responses_are_left_out() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]";
        for interim in [
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.0 102 Processing\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n",
        ] {
            assert_eq!(passed_on(&format!("{interim}{answer}")).await, answer);
        }
        let other = "HTTP/1.1 101 Switching Protocols\r\n\r\nx";
        assert_eq!(passed_on(other).await, other);
    }

    #[actix_rt::test]
    async fn a_request_that_waits_for_it_is_continued() {
        let request = "PUT / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n";
        let answer = "HTTP/1.1 100 Continue\r\n\r\n";
        let hinted = format!("HTTP/1.1 103 Early Hints\r\n\r\n{answer}");
        assert_eq!(passed_on_after(request, &hinted).await, answer);
    }
}
