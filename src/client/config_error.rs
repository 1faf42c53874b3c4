//! [`ConfigError`]: a configuration that cannot be used.

#[cfg(feature = "cli")]
use std::path::Path;
use std::{io, path::PathBuf};

#[cfg(feature = "tls")]
use super::tls_error::TlsError;
use super::{address::AddressError, byte_size::shown_size, regular_file::MAX_SECRET};

/// A configuration that cannot be used. No variant shows a token or a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The address is invalid.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// An environment variable has a value that cannot be read.
    #[error("{name} is `{value}`, which is not {expected}; correct it or unset it")]
    Variable {
        /// The variable.
        name: &'static str,
        /// Its value, shortened.
        value: String,
        /// The values that it may have.
        expected: &'static str,
    },
    /// An environment variable whose value is secret cannot be read.
    #[error("{name} is not {expected}; correct it or unset it (its value is not shown)")]
    SecretVariable {
        /// The variable.
        name: &'static str,
        /// The values that it may have.
        expected: &'static str,
    },
    /// A client certificate without its key, or the other way round.
    #[error(
        "{given} is set but {missing} is not; a client certificate needs both, so set both or neither"
    )]
    HalfClientCertificate {
        /// The one that is set.
        given: &'static str,
        /// The one that is missing.
        missing: &'static str,
    },
    /// A number or duration that is out of the range of Consul or of this library.
    #[error("{what} is {value}, but must be {range}")]
    OutOfRange {
        /// The setting.
        what: &'static str,
        /// Its value.
        value: String,
        /// The values that it may have.
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
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// The token's file is a pipe, a device or a directory. It is read more than once, and a pipe has its content once.
    #[error(
        "the token file `{}` is not a regular file, and it is read again when Consul denies the token; name a regular \
         file, or give the token by CONSUL_HTTP_TOKEN",
        path.display()
    )]
    SpecialTokenFile {
        /// The file.
        path: PathBuf,
    },
    /// The token's file is too large for a token.
    #[error(
        "the token file `{}` is larger than {}, so it holds no token; name the file of the token",
        path.display(),
        shown_size(MAX_SECRET)
    )]
    HugeTokenFile {
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
    /// A feature that is missing in this build.
    #[error("{what} is not built in; {remedy}")]
    Unsupported {
        /// The feature.
        what: &'static str,
        /// The way out: a build with it, or another setting.
        remedy: &'static str,
    },
}

#[cfg(feature = "cli")]
impl ConfigError {
    /// Returns the file or directory that cannot be used.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::TokenFile { path, .. }
            | Self::SpecialTokenFile { path }
            | Self::HugeTokenFile { path } => Some(path),
            #[cfg(feature = "tls")]
            Self::Tls(error) => error.path(),
            _ => None,
        }
    }
}
