//! Reading a body: bounded, and known to be whole.

use std::io;

use awc::{
    error::PayloadError,
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap},
};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};

use super::error::ClientError;

/// How much memory is set aside on the word of a header.
const BELIEVED: usize = 1024 * 1024;

/// Why a body cannot be had.
#[derive(Debug)]
pub(crate) enum BodyError {
    TooLarge { limit: usize },
    Broken { received: usize, source: io::Error },
}

impl BodyError {
    pub(crate) fn into_error(self, target: String) -> ClientError {
        match self {
            Self::TooLarge { limit } => ClientError::TooLarge { target, limit },
            Self::Broken { received, source } => ClientError::Body {
                target,
                received,
                source,
            },
        }
    }
}

/// The whole body, of at most `limit` bytes; `declared` are to come, if that is known.
pub(crate) async fn read<S>(
    declared: Option<usize>,
    body: &mut S,
    limit: usize,
) -> Result<Bytes, BodyError>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    if declared.is_some_and(|length| length > limit) {
        return Err(BodyError::TooLarge { limit });
    }
    // A small body comes in one piece, which is then the answer without a copy.
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    let mut received = 0_usize;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| broken(error, received, limit))?;
        received = received.saturating_add(piece.len());
        if received > limit {
            return Err(BodyError::TooLarge { limit });
        }
        match first.take() {
            None if rest.is_empty() => first = Some(piece),
            None => rest.extend_from_slice(&piece),
            Some(before) => {
                rest.reserve(
                    declared
                        .unwrap_or(received)
                        .clamp(received, received.max(BELIEVED)),
                );
                rest.extend_from_slice(&before);
                rest.extend_from_slice(&piece);
            }
        }
    }
    // awc ends the stream at the end of the connection, whether or not the body is whole.
    if let Some(length) = declared.filter(|length| *length != received) {
        let text = format!("of {length} bytes");
        return Err(BodyError::Broken {
            received,
            source: io::Error::new(io::ErrorKind::UnexpectedEof, text),
        });
    }
    Ok(first.unwrap_or_else(|| rest.freeze()))
}

/// The start of a body, as far as it comes; for what an error says.
pub(crate) async fn read_start<S>(body: &mut S, enough: usize) -> Vec<u8>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let mut start = Vec::new();
    while let Some(Ok(piece)) = body.next().await {
        let room = enough.saturating_sub(start.len());
        start.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() >= room {
            break;
        }
    }
    start
}

/// The length of the body as it will arrive here; unknown when it is compressed or sent in chunks.
pub(crate) fn declared_length(headers: &HeaderMap) -> Option<usize> {
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        return None;
    }
    headers
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
}

fn broken(error: PayloadError, received: usize, limit: usize) -> BodyError {
    let source = match error {
        PayloadError::Overflow => return BodyError::TooLarge { limit },
        PayloadError::Io(source) | PayloadError::Incomplete(Some(source)) => source,
        PayloadError::Incomplete(None) => io::ErrorKind::UnexpectedEof.into(),
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    };
    BodyError::Broken { received, source }
}
