//! Why a configuration cannot be used.

use std::{io, path::PathBuf};

use super::address::AddressError;
#[cfg(feature = "tls")]
use super::tls_error::TlsError;

/// A configuration that cannot be used. No variant shows a token or a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The address is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// An environment variable has a value that cannot be read.
    #[error("{name} is `{value}`, which is not {expected}; correct it or unset it")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What it holds, shortened.
        value: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// An environment variable whose value is secret cannot be read.
    #[error("{name} is not {expected}; correct it or unset it (its value is not shown)")]
    SecretVariable {
        /// The variable.
        name: &'static str,
        /// What it should hold.
        expected: &'static str,
    },
    /// A client certificate without its key, or the other way round.
    #[error(
        "{given} is set but {missing} is not; a client certificate needs both, so set both or neither"
    )]
    HalfClientCertificate {
        /// What is there.
        given: &'static str,
        /// What is not.
        missing: &'static str,
    },
    /// A number or duration beyond what Consul or this library can work with.
    #[error("{what} is {value}, but must be {range}")]
    OutOfRange {
        /// The setting.
        what: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        range: &'static str,
    },
    /// A value that an HTTP header cannot carry.
    #[error(
        "{what} has a character that an HTTP header cannot carry, perhaps a line break from a copy; correct it \
         (its value is not shown)"
    )]
    Header {
        /// The setting.
        what: &'static str,
    },
    /// The token's file cannot be read.
    #[error("cannot read the token from `{}`; check the path and its permissions", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The token's file has nothing in it.
    #[error("the token file `{}` is empty; put the token in it or leave the file out", path.display())]
    EmptyTokenFile {
        /// The file.
        path: PathBuf,
    },
    /// TLS cannot be set up.
    #[cfg(feature = "tls")]
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// There is no address at all.
    #[error("the list of addresses is empty; give at least one, such as `127.0.0.1:8500`")]
    NoAddress,
    /// Something that this build cannot do.
    #[error("{what} is not built in; {remedy}")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
        /// What to use instead.
        remedy: &'static str,
    },
}
