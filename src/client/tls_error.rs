//! Why TLS cannot be set up.

use std::{error::Error, io, path::PathBuf};

/// A cause of any of the libraries below.
type Cause = Box<dyn Error + Send + Sync>;

/// TLS cannot be set up from what is configured. No variant shows a private key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file, or the directory of authorities, cannot be read.
    #[error("cannot read {what} from `{}`; check the path and its permissions", path.display())]
    Read {
        /// What should be in it.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// What is looked for is not in the file.
    #[error(
        "`{}` holds no {what} in PEM form: a block that begins with `-----BEGIN` is expected; convert it with \
         `openssl`, or name another file",
        path.display()
    )]
    Missing {
        /// What should be in it.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
    },
    /// The file is damaged, or of a kind that cannot be used.
    #[error("`{}` cannot be used as {what}; make it anew, or name another file", path.display())]
    Malformed {
        /// What should be in it.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the parser says.
        #[source]
        source: Cause,
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
        /// What is wrong.
        #[source]
        source: Cause,
    },
    /// This machine knows no authorities.
    #[error(
        "this machine has no certificate authorities to trust; install them (`ca-certificates`) or name a file \
         of your own by CONSUL_CACERT or `with_ca_file`"
    )]
    NoAuthorities {
        /// What the system says, if it says anything.
        #[source]
        source: Option<Cause>,
    },
    /// What the server's certificate should bear is no name.
    #[error("`{name}` is not a name that a certificate bears; give a DNS name or an IP address")]
    Name {
        /// What was given.
        name: String,
    },
    /// The TLS library refuses.
    #[error("TLS cannot be set up")]
    Library {
        /// What it says.
        #[source]
        source: Cause,
    },
}
