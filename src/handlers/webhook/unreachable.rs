//! The conversion of errors without a response, which cannot be sent to another thread.

use awc::error::{ConnectError, SendRequestError};

use super::error::DeliveryError;
#[cfg(feature = "tls")]
use crate::client::TlsFailure;

/// Returns the error of a call of this server that had no response.
pub(super) fn unreachable(target: String, error: SendRequestError) -> DeliveryError {
    #[cfg(feature = "tls")]
    if let Some(failure) = handshake_failure(&error) {
        return DeliveryError::Handshake {
            target,
            reason: failure.to_string(),
            remedy: failure.remedy_of_handler(),
        };
    }
    let source = match error {
        SendRequestError::Connect(ConnectError::Io(source)) | SendRequestError::Send(source) => {
            source.into()
        }
        other => other.to_string().into(),
    };
    DeliveryError::Unreachable { target, source }
}

/// Returns the failure of TLS in an error. The server may report it after the handshake.
#[cfg(feature = "tls")]
fn handshake_failure(error: &SendRequestError) -> Option<TlsFailure> {
    match error {
        SendRequestError::Connect(ConnectError::Io(source)) | SendRequestError::Send(source) => {
            TlsFailure::of(source)
        }
        SendRequestError::Response(source) => TlsFailure::of(source),
        _ => None,
    }
}
