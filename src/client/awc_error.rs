//! Conversion of awc's errors, which are neither `Send` nor sorted by stage, into [`ClientError`].

use std::{error::Error, io, time::Duration};

use awc::error::{ConnectError, SendRequestError};

use super::error::{ClientError, ConnectStage, Stage};
#[cfg(feature = "tls")]
use super::http2::{ConnectError as Http2ConnectError, Http2Error};

/// Returns the error of a request without an answer, which failed `after` this time.
pub(crate) fn failed(target: String, error: SendRequestError, after: Duration) -> ClientError {
    match error {
        SendRequestError::Connect(ConnectError::Disconnected) => ClientError::Dropped {
            target,
            after,
            source: io::ErrorKind::UnexpectedEof.into(),
        },
        SendRequestError::Connect(error) => connect(target, error, after),
        // Nothing was read yet, so invalid data is TLS's.
        SendRequestError::Send(source) if source.kind() == io::ErrorKind::InvalidData => {
            not_connected(target, source, after)
        }
        SendRequestError::Send(source) => ClientError::Dropped {
            target,
            after,
            source,
        },
        SendRequestError::Response(error) => match ended(&error) {
            Some(kind) => ClientError::Dropped {
                target,
                after,
                source: io::Error::new(kind, error),
            },
            None if is_tls(&error) => ClientError::Connect {
                target,
                stage: ConnectStage::Tls,
                source: io::Error::other(error),
            },
            None => ClientError::Protocol {
                target,
                source: io::Error::new(io::ErrorKind::InvalidData, error),
            },
        },
        SendRequestError::H2(error) => ClientError::Protocol {
            target,
            source: io::Error::other(error),
        },
        SendRequestError::Timeout => ClientError::Timeout {
            target,
            stage: Stage::Headers,
            deadline: after,
            setting: None,
        },
        other => ClientError::Build {
            target,
            reason: other.to_string(),
        },
    }
}

/// The way in which the connection ended, if that is the parser's error.
fn ended(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let kind = error.source()?.downcast_ref::<io::Error>()?.kind();
    is_end(kind).then_some(kind)
}

fn is_end(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(
        kind,
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
    )
}

/// Whether TLS refused the peer, or the peer us, after the handshake: TLS 1.3 reports that late.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let source = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|source| {
        source.kind() == io::ErrorKind::InvalidData && source.to_string().contains("alert")
    })
}

/// Returns the error of a request over a shared connection, which failed `after` this time.
#[cfg(feature = "tls")]
pub(crate) fn failed_http2(target: String, error: Http2Error, after: Duration) -> ClientError {
    match error {
        Http2Error::Connect(Http2ConnectError::Resolve(source)) => ClientError::Connect {
            target,
            stage: ConnectStage::Resolve,
            source: shared(&source),
        },
        Http2Error::Connect(Http2ConnectError::Connect(source)) => {
            not_connected(target, shared(&source), after)
        }
        Http2Error::Connect(Http2ConnectError::Timeout) => ClientError::Connect {
            target,
            stage: ConnectStage::Timeout,
            source: io::ErrorKind::TimedOut.into(),
        },
        // Consul's limit hits young connections, so the age of the connection decides.
        Http2Error::Ended { source, age, .. } => ClientError::Dropped {
            target,
            after: age.max(after),
            source,
        },
    }
}

/// Copies an error that many requests share.
#[cfg(feature = "tls")]
fn shared(error: &std::sync::Arc<io::Error>) -> io::Error {
    io::Error::new(error.kind(), std::sync::Arc::clone(error))
}

/// Returns the error of a connection that failed, or ended before it was ready for a request.
fn not_connected(target: String, source: io::Error, after: Duration) -> ClientError {
    if is_end(source.kind()) {
        return ClientError::Dropped {
            target,
            after,
            source,
        };
    }
    ClientError::Connect {
        target,
        stage: stage_of(&source),
        source,
    }
}

fn connect(target: String, error: ConnectError, after: Duration) -> ClientError {
    let (stage, source) = match error {
        ConnectError::Io(source) => return not_connected(target, source, after),
        ConnectError::Resolver(error) => {
            (ConnectStage::Resolve, io::Error::other(error.to_string()))
        }
        ConnectError::NoRecords => (ConnectStage::Resolve, io::Error::other("no addresses")),
        ConnectError::Timeout => (ConnectStage::Timeout, io::ErrorKind::TimedOut.into()),
        other => (ConnectStage::Other, io::Error::other(other.to_string())),
    };
    ClientError::Connect {
        target,
        stage,
        source,
    }
}

fn stage_of(error: &io::Error) -> ConnectStage {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ConnectStage::Refused,
        io::ErrorKind::TimedOut => ConnectStage::Timeout,
        // Without TLS there is no data yet that could be invalid.
        io::ErrorKind::InvalidData => ConnectStage::Tls,
        _ => ConnectStage::Other,
    }
}
