//! awc's errors, which are neither `Send` nor sorted by stage, turned into ours.

use std::{error::Error, io, time::Duration};

use awc::error::{ConnectError, SendRequestError};

use super::error::{ClientError, ConnectStage, Stage};

/// What a request that brought no answer failed of, `after` this long.
pub(crate) fn failed(target: String, error: SendRequestError, after: Duration) -> ClientError {
    match error {
        SendRequestError::Connect(ConnectError::Disconnected) => {
            ClientError::Dropped { target, after, source: io::ErrorKind::UnexpectedEof.into() }
        }
        SendRequestError::Connect(error) => connect(target, error),
        SendRequestError::Send(source) => ClientError::Dropped { target, after, source },
        SendRequestError::Response(error) => match ended(&error) {
            Some(kind) => ClientError::Dropped { target, after, source: io::Error::new(kind, error) },
            None => {
                ClientError::Protocol { target, source: io::Error::new(io::ErrorKind::InvalidData, error) }
            }
        },
        SendRequestError::H2(error) => ClientError::Protocol { target, source: io::Error::other(error) },
        SendRequestError::Timeout => ClientError::Timeout { target, stage: Stage::Headers, deadline: after },
        other => ClientError::Build { target, reason: other.to_string() },
    }
}

/// How the connection ended, if that is what the parser stumbled over.
fn ended(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let kind = error.source()?.downcast_ref::<io::Error>()?.kind();
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof).then_some(kind)
}

fn connect(target: String, error: ConnectError) -> ClientError {
    let (stage, source) = match error {
        ConnectError::Io(source) => (stage_of(&source), source),
        ConnectError::Resolver(error) => (ConnectStage::Resolve, io::Error::other(error.to_string())),
        ConnectError::NoRecords => (ConnectStage::Resolve, io::Error::other("no addresses")),
        ConnectError::Timeout => (ConnectStage::Timeout, io::ErrorKind::TimedOut.into()),
        other => (ConnectStage::Other, io::Error::other(other.to_string())),
    };
    ClientError::Connect { target, stage, source }
}

fn stage_of(error: &io::Error) -> ConnectStage {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ConnectStage::Refused,
        io::ErrorKind::TimedOut => ConnectStage::Timeout,
        _ => ConnectStage::Other,
    }
}
