//! [`Response`]: a request and its answer on a stream of a shared connection.

use std::{
    io::{self, Read},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use awc::{
    error::PayloadError,
    http::{
        StatusCode,
        header::{CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue},
    },
};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use futures_util::Stream;
use h2::{Reason, RecvStream, client::ResponseFuture};
use http::Request;

use super::{
    super::{
        body::{self, BodyError},
        body_budget::BodyPermit,
    },
    connection::{ConnectError, into_io},
    pool::StreamPermit,
    streams::{AfterCut, Hold},
};

/// The header that names the part of Consul that has answered.
const QUERY_BACKEND: &str = "x-consul-query-backend";

/// A request without an answer.
#[derive(Debug)]
pub(crate) enum Http2Error {
    /// There is no connection.
    Connect(ConnectError),
    /// The connection, or this stream of it, ended.
    Ended {
        source: io::Error,
        age: Duration,
        /// Whether the server says that it has not begun with the request, so that another connection may take it.
        untouched: bool,
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

/// A request that was sent. If it is dropped, the server counts its stream as its hold says.
pub(crate) struct SentRequest {
    answer: ResponseFuture,
    /// Whether the streaming backend may answer it.
    may_stream: bool,
    // Dropped after the stream.
    permit: StreamPermit,
}

impl SentRequest {
    /// Sends a request without a body.
    pub(crate) fn new(
        mut permit: StreamPermit,
        request: Request<()>,
        hold: Hold,
    ) -> Result<Self, Http2Error> {
        match permit.send.send_request(request, true) {
            Ok((answer, _)) => {
                permit.is_sent(hold);
                Ok(Self {
                    answer,
                    may_stream: hold.after_cut == AfterCut::EndsIfStreaming,
                    permit,
                })
            }
            Err(error) => {
                permit.close();
                Err(Http2Error::Ended {
                    source: into_io(error),
                    age: permit.age(),
                    untouched: true,
                })
            }
        }
    }

    /// Waits for the head of the answer.
    pub(crate) async fn answer(mut self) -> Result<Response, Http2Error> {
        let answer = tokio::select! {
            biased;
            answer = &mut self.answer => answer,
            () = self.permit.queued() => Err(Reason::REFUSED_STREAM.into()),
        };
        self.permit.is_answered();
        let (head, stream) = match answer {
            Ok(answer) => answer.into_parts(),
            Err(error) => {
                let untouched = is_untouched(&error);
                if untouched {
                    self.permit.close();
                }
                return Err(Http2Error::Ended {
                    source: into_io(error),
                    age: self.permit.age(),
                    untouched,
                });
            }
        };
        if let Some(backend) = head.headers.get(QUERY_BACKEND)
            && self.may_stream
        {
            self.permit.learn_streaming(backend == "streaming");
        }
        Ok(Response {
            status: StatusCode::from_u16(head.status.as_u16()).unwrap_or_default(),
            headers: for_awc(&head.headers),
            body: Body {
                stream,
                _permit: self.permit,
            },
        })
    }
}

impl Response {
    /// Reads the whole body, decompressed, as far as the budget of the permit allows.
    pub(crate) async fn read(&mut self, permit: &mut BodyPermit) -> Result<Bytes, BodyError> {
        let declared = body::declared_length(&self.headers);
        let whole = body::read(declared, &mut self.body, permit).await?;
        match self.headers.get(CONTENT_ENCODING) {
            Some(encoding) if encoding == "gzip" => unzip(&whole, permit).await,
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

/// Whether the server says that it has not begun with the request
/// (<https://httpwg.org/specs/rfc9113.html#Reliability>).
fn is_untouched(error: &h2::Error) -> bool {
    let refused = error.reason() == Some(Reason::REFUSED_STREAM);
    // A connection that ends in good order names the last stream that it answers; this one is beyond it.
    let left = error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR);
    refused || left
}

/// Converts headers into those of awc, which has an older version of the crate `http`.
fn for_awc(headers: &http::HeaderMap) -> HeaderMap {
    let mut converted = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        // What is a name or a value in one version is one in the other.
        if let (Ok(name), Ok(value)) = (name, value) {
            converted.append(name, value);
        }
    }
    converted
}

/// The bytes that are decompressed before there is room for them.
const UNZIP_STEP: usize = 64 * 1024;

/// Decompresses as far as the budget allows, however small the input is.
async fn unzip(zipped: &[u8], permit: &mut BodyPermit) -> Result<Bytes, BodyError> {
    let budget = permit.budget();
    let mut whole = Vec::new();
    let mut decoder = MultiGzDecoder::new(zipped);
    loop {
        let before = whole.len();
        let step = (&mut decoder)
            .take(UNZIP_STEP as u64)
            .read_to_end(&mut whole);
        if let Err(source) = step {
            return Err(BodyError::Broken {
                received: whole.len(),
                source,
            });
        }
        if whole.len() > budget.max_body() {
            return Err(BodyError::too_large(budget));
        }
        if whole.len() == before {
            return Ok(whole.into());
        }
        permit.grow(zipped.len() + whole.len()).await;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::client::body_budget::BodyBudget;

    fn zipped(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    async fn unzip(zipped: &[u8], limit: usize) -> Result<Bytes, BodyError> {
        super::unzip(zipped, &mut BodyBudget::new(2 * limit, limit).permit()).await
    }

    #[tokio::test]
    async fn a_compressed_body_is_limited_by_its_real_size_and_must_be_whole() {
        let text = vec![b'1'; 100_000];
        let small = zipped(&text);
        assert!(small.len() < 1000);
        assert_eq!(unzip(&small, text.len()).await.unwrap(), text);
        assert!(matches!(
            unzip(&small, text.len() - 1).await,
            Err(BodyError::TooLarge { .. })
        ));
        assert!(matches!(
            unzip(&small[..small.len() - 9], text.len()).await,
            Err(BodyError::Broken { .. })
        ));
        assert!(unzip(b"junk", 10).await.is_err());
    }
}
