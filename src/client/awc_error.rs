//! Conversion of awc's errors, which are neither `Send` nor sorted by stage, into [`ClientError`].

use std::{error::Error, io, sync::Arc, time::Duration};

use awc::error::{ConnectError, SendRequestError};
use rustix::io::Errno;

#[cfg(feature = "tls")]
use super::http2::{ConnectError as Http2ConnectError, Http2Error};
use super::{
    connect_stage::ConnectStage,
    error::{ClientError, Stage},
};

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
        Http2Error::Connect(Http2ConnectError::Resolve(source)) => {
            unresolved(target, shared(&source))
        }
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

/// Returns the error of a host whose name was not found.
fn unresolved(target: String, source: io::Error) -> ClientError {
    let stage = if is_open_files(&source) {
        ConnectStage::OpenFiles
    } else {
        ConnectStage::Resolve
    };
    ClientError::Connect {
        target,
        stage,
        source,
    }
}

fn connect(target: String, error: ConnectError, after: Duration) -> ClientError {
    let (stage, source) = match error {
        ConnectError::Io(source) => return not_connected(target, source, after),
        ConnectError::Resolver(error) => {
            let error = error.downcast::<io::Error>();
            let source = error.map_or_else(|other| io::Error::other(other.to_string()), |it| *it);
            return unresolved(target, source);
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

/// Whether the error is that no more files can be opened.
fn is_open_files(error: &io::Error) -> bool {
    // A shared error has the system's as its cause.
    let cause = error
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<Arc<io::Error>>());
    let code = cause.map_or_else(|| error.raw_os_error(), |cause| cause.raw_os_error());
    [Errno::MFILE, Errno::NFILE]
        .iter()
        .any(|errno| code == Some(errno.raw_os_error()))
}

fn stage_of(error: &io::Error) -> ConnectStage {
    match error.kind() {
        _ if is_open_files(error) => ConnectStage::OpenFiles,
        // Of a unix socket: over TCP, a name that is not found is an error of the resolver.
        io::ErrorKind::NotFound => ConnectStage::NoSocket,
        io::ErrorKind::PermissionDenied => ConnectStage::Permission,
        io::ErrorKind::ConnectionRefused => ConnectStage::Refused,
        io::ErrorKind::TimedOut => ConnectStage::Timeout,
        // Without TLS there is no data yet that could be invalid.
        io::ErrorKind::InvalidData => ConnectStage::Tls,
        _ => ConnectStage::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_a_connection_from_being_made_is_told_apart() {
        for (errno, stage) in [
            (Errno::NOENT, ConnectStage::NoSocket),
            (Errno::ACCESS, ConnectStage::Permission),
            (Errno::MFILE, ConnectStage::OpenFiles),
            (Errno::NFILE, ConnectStage::OpenFiles),
            (Errno::CONNREFUSED, ConnectStage::Refused),
            (Errno::NETUNREACH, ConnectStage::Other),
        ] {
            let error = || io::Error::from_raw_os_error(errno.raw_os_error());
            let failed = not_connected(String::new(), error(), Duration::ZERO);
            let is_stage = |failed: &ClientError| matches!(failed, ClientError::Connect { stage: it, .. } if *it == stage);
            assert!(is_stage(&failed), "{failed}");
            // As a shared connection has it.
            let copied = io::Error::new(error().kind(), Arc::new(error()));
            let failed = not_connected(String::new(), copied, Duration::ZERO);
            assert!(is_stage(&failed), "{failed}");
        }
    }
}
