//! Reading of a body: bounded, and an error unless it is whole.

use std::io;

use awc::{
    error::PayloadError,
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap},
};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};

use super::{
    body_budget::{BodyBudget, BodyPermit},
    error::ClientError,
};

/// The memory that is reserved for the length in a header before that much has arrived, in bytes.
const MAX_RESERVED: usize = 1024 * 1024;

/// A body that cannot be read.
#[derive(Debug)]
pub(crate) enum BodyError {
    TooLarge { limit: usize, setting: &'static str },
    Broken { received: usize, source: io::Error },
}

impl BodyError {
    pub(crate) fn too_large(budget: BodyBudget) -> Self {
        Self::TooLarge {
            limit: budget.max_body(),
            setting: budget.setting(),
        }
    }

    pub(crate) fn into_error(self, target: String) -> ClientError {
        match self {
            Self::TooLarge { limit, setting } => ClientError::TooLarge {
                target,
                limit,
                setting,
            },
            Self::Broken { received, source } => ClientError::Body {
                target,
                received,
                source,
            },
        }
    }
}

/// Reads the whole body, as far as the budget of the permit allows. `declared` is its length, if that is known.
pub(crate) async fn read<S>(
    declared: Option<usize>,
    body: &mut S,
    permit: &mut BodyPermit,
) -> Result<Bytes, BodyError>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let budget = permit.budget();
    if declared.is_some_and(|length| length > budget.max_body()) {
        return Err(BodyError::too_large(budget));
    }
    // A small body arrives in one piece, which is returned without a copy.
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    let mut received = 0_usize;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| broken(error, received, budget))?;
        received = received.saturating_add(piece.len());
        if received > budget.max_body() {
            return Err(BodyError::too_large(budget));
        }
        // No further piece is read until there is room for this one.
        permit.grow(received).await;
        match first.take() {
            None if rest.is_empty() => first = Some(piece),
            None => rest.extend_from_slice(&piece),
            Some(before) => {
                rest.reserve(
                    declared
                        .unwrap_or(received)
                        .clamp(received, received.max(MAX_RESERVED)),
                );
                rest.extend_from_slice(&before);
                rest.extend_from_slice(&piece);
            }
        }
    }
    // awc ends the stream with the connection, whether or not the body is whole.
    if let Some(length) = declared.filter(|length| *length != received) {
        let text = format!("of {length} bytes");
        return Err(BodyError::Broken {
            received,
            source: io::Error::new(io::ErrorKind::UnexpectedEof, text),
        });
    }
    Ok(first.unwrap_or_else(|| rest.freeze()))
}

/// Reads the start of a body, as far as it arrives, for the text of an error.
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

/// The length of the body as this client reads it; unknown when it is compressed or sent in chunks.
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

fn broken(error: PayloadError, received: usize, budget: BodyBudget) -> BodyError {
    let source = match error {
        PayloadError::Overflow => return BodyError::too_large(budget),
        PayloadError::Io(source) | PayloadError::Incomplete(Some(source)) => source,
        PayloadError::Incomplete(None) => io::ErrorKind::UnexpectedEof.into(),
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    };
    BodyError::Broken { received, source }
}
