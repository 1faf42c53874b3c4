//! [`TlsError`]: TLS settings that cannot be used.

use std::{error::Error, io, path::PathBuf};

use super::{byte_size::shown_size, regular_file::MAX_PEM};

/// An error of any of the libraries.
type Cause = Box<dyn Error + Send + Sync>;

/// TLS settings that cannot be used. No variant shows a private key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file, or the directory of authorities, cannot be read.
    #[error("cannot read {what} from `{}`; check the path, and that the user of this process may read it", path.display())]
    Read {
        /// The expected content.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// The file is a pipe, a device or a directory.
    #[error(
        "cannot read {what} from `{}`: it is not a regular file, and it is read again when a handshake fails; name a \
         regular file",
        path.display()
    )]
    Special {
        /// The expected content.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The file is too large.
    #[error(
        "cannot read {what} from `{}`: it is larger than {}; name another file",
        path.display(),
        shown_size(MAX_PEM)
    )]
    TooLarge {
        /// The expected content.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The file lacks the expected content.
    #[error(
        "`{}` holds no {what} in PEM form: a block that begins with `-----BEGIN` is expected; convert it with \
         `openssl`, or name another file",
        path.display()
    )]
    Missing {
        /// The expected content.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
    },
    /// The file is damaged, or of an unusable kind.
    #[error("`{}` cannot be used as {what}; create it again, or name another file", path.display())]
    Malformed {
        /// The expected content.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the parser.
        #[source]
        source: Cause,
    },
    /// The client's private key is encrypted.
    #[error(
        "the client's private key `{}` is encrypted, and there is nobody to ask for its passphrase; decrypt it with \
         `openssl pkey -in {} -out FILE`, and name FILE",
        path.display(),
        path.display()
    )]
    Encrypted {
        /// The file.
        path: PathBuf,
    },
    /// The client's certificate and key do not belong together.
    #[error(
        "the client certificate `{}` cannot be used with the key `{}`; name the two that were made together",
        certificate.display(),
        key.display()
    )]
    Pair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// The error of the library.
        #[source]
        source: Cause,
    },
    /// This machine knows no authorities.
    #[error(
        "this machine has no certificate authorities to trust; install them (`ca-certificates`) or name a file \
         of your own: CONSUL_CACERT, `--ca-file` or the field `ca_file`"
    )]
    NoAuthorities {
        /// The error of the system, if there is one.
        #[source]
        source: Option<Cause>,
    },
    /// The name that the server's certificate should have is no name.
    #[error(
        "`{name}` is not a name that a certificate can have; give a DNS name or an IP address by the address itself, \
         CONSUL_TLS_SERVER_NAME, `--tls-server-name` or the field `tls_server_name`"
    )]
    Name {
        /// The configured name.
        name: String,
    },
    /// The TLS library refuses its configuration.
    #[error(
        "TLS cannot be set up with these certificates; check the files of `ca_file`, `client_cert` and `client_key`"
    )]
    Library {
        /// The error of the library.
        #[source]
        source: Cause,
    },
}

#[cfg(feature = "cli")]
impl TlsError {
    /// Returns the file or directory that cannot be used; of a pair, the certificate.
    pub(super) fn path(&self) -> Option<&std::path::Path> {
        match self {
            Self::Read { path, .. }
            | Self::Missing { path, .. }
            | Self::Malformed { path, .. }
            | Self::Special { path, .. }
            | Self::TooLarge { path, .. }
            | Self::Encrypted { path }
            | Self::Pair {
                certificate: path, ..
            } => Some(path),
            _ => None,
        }
    }
}
