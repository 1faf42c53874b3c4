//! [`Response`]: a request and its answer on a stream of a shared connection.

use std::{
    io::Read,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use awc::{
    error::PayloadError,
    http::{
        StatusCode,
        header::{CONTENT_ENCODING, HeaderMap},
    },
};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use futures_util::Stream;
use h2::RecvStream;
use http::Request;

use super::{
    super::body::{self, BodyError},
    connection::{ConnectError, into_io},
    pool::{ConnectionPool, StreamPermit},
};

/// The number of connections that are tried when they turn out to be closing.
const MAX_TRIES: usize = 3;

/// A request without an answer.
#[derive(Debug)]
pub(crate) enum Http2Error {
    /// There is no connection.
    Connect(ConnectError),
    /// The connection, or this stream of it, ended.
    Ended {
        source: std::io::Error,
        age: Duration,
    },
}

/// An answer whose body is still to come. Dropping it ends its stream.
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Body,
}

struct Body {
    stream: RecvStream,
    // Dropped after the stream.
    _permit: StreamPermit,
}

impl Response {
    /// Sends a request without a body and waits for the head of its answer; `None` when the server speaks
    /// only HTTP/1.1.
    pub(crate) async fn of(
        pool: &ConnectionPool,
        request: impl Fn() -> Request<()>,
    ) -> Result<Option<Self>, Http2Error> {
        let mut left = MAX_TRIES;
        loop {
            let Some(permit) = pool.acquire_stream().await.map_err(Http2Error::Connect)? else {
                return Ok(None);
            };
            let ended = |error| Http2Error::Ended {
                source: into_io(error),
                age: permit.age(),
            };
            let outcome = match permit.send.clone().ready().await {
                Ok(mut send) => send.send_request(request(), true).map(|(answer, _)| answer),
                Err(error) => Err(error),
            };
            let answer = match outcome {
                Ok(answer) => answer,
                // It was not sent, so another connection may take it.
                Err(error) => {
                    permit.close();
                    left -= 1;
                    if left == 0 {
                        return Err(ended(error));
                    }
                    continue;
                }
            };
            // The wait may take minutes, and the request is not needed any more.
            drop(request);
            let (head, stream) = answer.await.map_err(ended)?.into_parts();
            let body = Body {
                stream,
                _permit: permit,
            };
            return Ok(Some(Self {
                status: head.status,
                headers: head.headers.into(),
                body,
            }));
        }
    }

    /// Reads the whole body, decompressed, of at most `limit` bytes.
    pub(crate) async fn read(&mut self, limit: usize) -> Result<Bytes, BodyError> {
        let whole = body::read(body::declared_length(&self.headers), &mut self.body, limit).await?;
        match self.headers.get(CONTENT_ENCODING) {
            Some(encoding) if encoding == "gzip" => unzip(&whole, limit),
            _ => Ok(whole),
        }
    }

    /// Reads the start of the body, decompressed, as far as it arrives.
    pub(crate) async fn read_start(&mut self, enough: usize) -> Vec<u8> {
        let start = body::read_start(&mut self.body, enough).await;
        if self
            .headers
            .get(CONTENT_ENCODING)
            .is_none_or(|encoding| encoding != "gzip")
        {
            return start;
        }
        let mut text = Vec::new();
        let mut decoder = MultiGzDecoder::new(&*start).take(enough as u64);
        // A part is better than nothing, so its end does not matter.
        let _ = decoder.read_to_end(&mut text);
        text
    }
}

impl Stream for Body {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let stream = &mut self.stream;
        Poll::Ready(match ready!(stream.poll_data(task)) {
            None => None,
            Some(Ok(piece)) => {
                // Flow control is the backpressure on the server: it may send as much again now. Where this
                // fails, so does the next piece.
                let _ = stream.flow_control().release_capacity(piece.len());
                Some(Ok(piece))
            }
            Some(Err(error)) => Some(Err(PayloadError::Io(into_io(error)))),
        })
    }
}

/// Decompresses to at most `limit` bytes, however small the input is.
fn unzip(zipped: &[u8], limit: usize) -> Result<Bytes, BodyError> {
    let mut whole = Vec::new();
    let mut decoder = MultiGzDecoder::new(zipped).take((limit as u64).saturating_add(1));
    match decoder.read_to_end(&mut whole) {
        Err(source) => Err(BodyError::Broken {
            received: whole.len(),
            source,
        }),
        Ok(length) if length > limit => Err(BodyError::TooLarge { limit }),
        Ok(_) => Ok(whole.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn zipped(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_compressed_body_is_limited_by_its_real_size_and_must_be_whole() {
        let text = vec![b'1'; 100_000];
        let small = zipped(&text);
        assert!(small.len() < 1000);
        assert_eq!(unzip(&small, text.len()).unwrap(), text);
        assert!(matches!(
            unzip(&small, text.len() - 1),
            Err(BodyError::TooLarge { .. })
        ));
        assert!(matches!(
            unzip(&small[..small.len() - 9], text.len()),
            Err(BodyError::Broken { .. })
        ));
        assert!(unzip(b"junk", 10).is_err());
    }
}
