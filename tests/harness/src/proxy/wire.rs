//! The part of HTTP/1.1 that a proxy reads: heads, and the ends of bodies.

use std::fmt::Write;
use std::io;

/// The first line and the headers.
#[derive(Debug)]
pub(super) struct Head {
    first: String,
    headers: Vec<(String, String)>,
}

impl Head {
    /// Takes a head off the front of `buffer`, once it is there in full.
    pub(super) fn take(buffer: &mut Vec<u8>) -> io::Result<Option<Self>> {
        let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
            return if buffer.len() > 64 * 1024 {
                Err(invalid("no end of the head in 64 KiB"))
            } else {
                Ok(None)
            };
        };
        let head: Vec<u8> = buffer.drain(..end + 4).take(end).collect();
        let head = String::from_utf8(head).map_err(|_| invalid("the head is no UTF-8"))?;
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        if !first.contains("HTTP/1.") {
            return Err(invalid("not HTTP/1.1: use FaultProxy::raw"));
        }
        let headers = lines
            .map(|line| {
                let (name, value) = line
                    .split_once(':')
                    .ok_or_else(|| invalid("a header without a colon"))?;
                Ok((name.to_owned(), value.trim().to_owned()))
            })
            .collect::<io::Result<_>>()?;
        Ok(Some(Self { first, headers }))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.first);
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// The word of the first line at this place: of a request the method and the target.
    pub(super) fn word(&self, place: usize) -> &str {
        self.first.split(' ').nth(place).unwrap_or_default()
    }

    pub(super) fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// An interim response, after which the real one comes.
    pub(super) fn is_interim(&self) -> bool {
        self.word(1).starts_with('1')
    }

    /// Whether the sender closes the connection after this message.
    pub(super) fn closes(&self) -> bool {
        self.header("Connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    pub(super) fn body_of_request(&self) -> io::Result<Body> {
        Ok(self.body()?.unwrap_or(Body::Done))
    }

    pub(super) fn body_of_response(&self, method: &str) -> io::Result<Body> {
        if method == "HEAD" || self.is_interim() || matches!(self.word(1), "204" | "304") {
            return Ok(Body::Done);
        }
        Ok(self.body()?.unwrap_or(Body::ToTheEnd))
    }

    fn body(&self) -> io::Result<Option<Body>> {
        if self
            .header("Transfer-Encoding")
            .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
        {
            return Ok(Some(Body::Size(0)));
        }
        let Some(length) = self.header("Content-Length") else {
            return Ok(None);
        };
        let length = length
            .parse()
            .map_err(|_| invalid("Content-Length is no number"))?;
        Ok(Some(if length == 0 {
            Body::Done
        } else {
            Body::Length(length)
        }))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Where in a body the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Past its last byte.
    Done,
    /// In one that ends with the connection.
    ToTheEnd,
    /// This many bytes before its end.
    Length(usize),
    /// In the line with a chunk's size, of which this much is read.
    Size(usize),
    /// Past the digits in such a line.
    Extension(usize),
    /// In a chunk and the line end after it.
    Chunk(usize),
    /// In a line after the last chunk, this many bytes from its start.
    Trailer(usize),
}

impl Body {
    /// Takes the bytes of this body off the front of `buffer`, as they are on the wire.
    pub(super) fn take(&mut self, buffer: &mut Vec<u8>) -> io::Result<Vec<u8>> {
        let mut taken = 0;
        while taken < buffer.len() && *self != Body::Done {
            let rest = &buffer[taken..];
            let next = rest[0];
            let mut step = 1;
            *self = match *self {
                Body::Done => Body::Done,
                Body::ToTheEnd => {
                    step = rest.len();
                    Body::ToTheEnd
                }
                Body::Length(left) => {
                    step = left.min(rest.len());
                    if step == left {
                        Body::Done
                    } else {
                        Body::Length(left - step)
                    }
                }
                Body::Size(size) | Body::Extension(size) if next == b'\n' => match size {
                    0 => Body::Trailer(0),
                    size => Body::Chunk(size + 2),
                },
                Body::Size(size) => match char::from(next).to_digit(16) {
                    Some(digit) => Body::Size(
                        size.checked_mul(16)
                            .and_then(|size| size.checked_add(digit as usize))
                            .filter(|size| *size < usize::MAX - 2)
                            .ok_or_else(|| invalid("a chunk beyond all size"))?,
                    ),
                    None if matches!(next, b';' | b'\r' | b' ') => Body::Extension(size),
                    None => return Err(invalid("a chunk without its size")),
                },
                Body::Extension(size) => Body::Extension(size),
                Body::Chunk(left) => {
                    step = left.min(rest.len());
                    if step == left {
                        Body::Size(0)
                    } else {
                        Body::Chunk(left - step)
                    }
                }
                Body::Trailer(0 | 1) if next == b'\n' => Body::Done,
                Body::Trailer(_) if next == b'\n' => Body::Trailer(0),
                Body::Trailer(0) if next != b'\r' => Body::Trailer(2),
                Body::Trailer(read) => Body::Trailer(read + 1),
            };
            taken += step;
        }
        Ok(buffer.drain(..taken).collect())
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_waits_until_it_is_whole_and_leaves_the_rest() {
        let mut buffer = b"GET /v1/kv/a?index=1 HTTP/1.1\r\nHost: x\r\n".to_vec();
        assert!(Head::take(&mut buffer).unwrap().is_none());
        buffer.extend_from_slice(b"content-length: 2\r\n\r\nhi");
        let mut head = Head::take(&mut buffer).unwrap().unwrap();
        assert_eq!((head.word(0), head.word(1)), ("GET", "/v1/kv/a?index=1"));
        assert_eq!(buffer, b"hi");
        assert_eq!(head.body_of_request().unwrap(), Body::Length(2));
        head.remove("Content-Length");
        head.set("host", "y");
        assert_eq!(
            head.encode(),
            b"GET /v1/kv/a?index=1 HTTP/1.1\r\nhost: y\r\n\r\n"
        );
    }

    #[test]
    fn a_body_ends_where_it_ends_in_whatever_pieces_it_comes() {
        let chunked = b"3\r\nabc\r\n1a;x=y\r\n\r\n0\r\n\r\nabcdefghijklmnopqrs\r\n0\r\n\r\n";
        let trailer = b"1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n";
        for (start, body) in [
            (Body::Size(0), &chunked[..]),
            (Body::Size(0), trailer),
            (Body::Length(5), b"12345"),
        ] {
            for size in 1..=body.len() {
                let (mut state, mut buffer, mut out) = (start, Vec::new(), Vec::new());
                for piece in body.chunks(size) {
                    assert_ne!(state, Body::Done, "ended early");
                    buffer.extend_from_slice(piece);
                    out.extend(state.take(&mut buffer).unwrap());
                }
                buffer.extend_from_slice(b"HTTP/1.1");
                out.extend(state.take(&mut buffer).unwrap());
                assert_eq!(
                    (state, out.as_slice(), buffer.as_slice()),
                    (Body::Done, body, &b"HTTP/1.1"[..])
                );
            }
        }
    }
}
