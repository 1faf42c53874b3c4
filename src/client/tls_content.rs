//! [`TlsContent`]: what the files of the TLS settings hold.

use std::path::{Path, PathBuf};

use rustls::{
    RootCertStore,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use sha2::{Digest, Sha256};

use super::{
    regular_file::{MAX_PEM, UnreadableFile, files_below, read_regular_file},
    tls::{ClientCertificate, TlsSettings},
    tls_error::TlsError,
};

const AUTHORITIES: &str = "the certificate authorities";
const CERTIFICATE: &str = "the client certificate";
const KEY: &str = "the client's private key";

/// The certificates and the key that the files of the settings, or the system, hold.
pub(super) struct TlsContent {
    /// `None` if no certificate is verified.
    pub(super) authorities: Option<Authorities>,
    pub(super) identity: Option<Identity>,
    /// Equal for equal content.
    pub(super) digest: [u8; 32],
}

/// The authorities to trust.
pub(super) struct Authorities {
    pub(super) roots: RootCertStore,
    /// The certificates that a file or directory of the settings names.
    pub(super) named: Vec<CertificateDer<'static>>,
}

/// The client certificate with its chain, and its key.
pub(super) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl TlsContent {
    pub(super) fn read(settings: &TlsSettings) -> Result<Self, TlsError> {
        // Named files have to be good even where nothing is verified.
        let reads_authorities = settings.verify() || settings.names_authorities();
        let authorities = reads_authorities
            .then(|| Authorities::read(settings))
            .transpose()?
            .filter(|_| settings.verify());
        let identity = settings.client_certificate().map(identity).transpose()?;
        let mut digest = Sha256::new();
        let mut add = |bytes: &[u8]| {
            digest.update(bytes.len().to_be_bytes());
            digest.update(bytes);
        };
        if let Some(Authorities { roots, named }) = &authorities {
            for root in &roots.roots {
                add(&root.subject);
                add(&root.subject_public_key_info);
            }
            for certificate in named {
                add(certificate);
            }
        }
        if let Some((chain, key)) = &identity {
            for certificate in chain {
                add(certificate);
            }
            add(key.secret_der());
        }
        Ok(Self {
            authorities,
            identity,
            digest: digest.finalize().into(),
        })
    }
}

impl Authorities {
    /// Reads the authorities to trust: from the file, else from the directory, else from the system.
    fn read(settings: &TlsSettings) -> Result<Self, TlsError> {
        match (settings.ca_file(), settings.ca_path()) {
            (Some(file), _) => {
                let mut found = Self::none();
                found.add_file(file)?;
                found.or_missing(file)
            }
            (None, Some(directory)) => of_directory(directory),
            (None, None) => of_system(),
        }
    }

    fn none() -> Self {
        Self {
            roots: RootCertStore::empty(),
            named: Vec::new(),
        }
    }

    fn add_file(&mut self, file: &Path) -> Result<(), TlsError> {
        for certificate in certificates(file, AUTHORITIES)? {
            self.named.push(certificate.clone());
            self.roots
                .add(certificate)
                .map_err(|source| TlsError::Malformed {
                    what: AUTHORITIES,
                    path: file.to_owned(),
                    source: source.into(),
                })?;
        }
        Ok(())
    }

    fn or_missing(self, path: &Path) -> Result<Self, TlsError> {
        if self.roots.is_empty() {
            return Err(TlsError::Missing {
                what: "certificate",
                path: path.to_owned(),
            });
        }
        Ok(self)
    }
}

fn of_directory(directory: &Path) -> Result<Authorities, TlsError> {
    let unreadable = |source| TlsError::Read {
        what: AUTHORITIES,
        path: directory.to_owned(),
        source,
    };
    let mut found = Authorities::none();
    // Other files, such as a README, hold no authority; but a file that cannot be read is an error.
    for file in files_below(directory).map_err(unreadable)? {
        found.add_file(&file)?;
    }
    found.or_missing(directory)
}

/// Reads the authorities that this machine trusts. Some of its certificates may be unusable, which is common.
fn of_system() -> Result<Authorities, TlsError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let source = found.errors.into_iter().next().map(Into::into);
        return Err(TlsError::NoAuthorities { source });
    }
    Ok(Authorities {
        roots,
        named: Vec::new(),
    })
}

fn identity(files: &ClientCertificate) -> Result<Identity, TlsError> {
    let chain = certificates(files.certificate(), CERTIFICATE)?;
    if chain.is_empty() {
        return Err(TlsError::Missing {
            what: "certificate",
            path: files.certificate().to_owned(),
        });
    }
    let text = read(files.key(), KEY)?;
    if is_encrypted(&text) {
        return Err(TlsError::Encrypted {
            path: files.key().to_owned(),
        });
    }
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::Missing {
            what: "unencrypted private key",
            path: files.key().to_owned(),
        },
        error => malformed(KEY, files.key(), error),
    })?;
    Ok((chain, key))
}

/// Returns whether a key in PEM form is encrypted, in either form.
fn is_encrypted(text: &[u8]) -> bool {
    let has = |mark: &[u8]| text.windows(mark.len()).any(|part| part == mark);
    has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED")
}

fn certificates(file: &Path, what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(file, what)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    found.map_err(|error| malformed(what, file, error))
}

/// Reads a file into memory that is wiped, since one of the files is a private key.
fn read(file: &Path, what: &'static str) -> Result<zeroize::Zeroizing<Vec<u8>>, TlsError> {
    let path = || PathBuf::from(file);
    read_regular_file(file, MAX_PEM).map_err(|error| match error {
        UnreadableFile::Special => TlsError::Special { what, path: path() },
        UnreadableFile::TooLarge => TlsError::TooLarge { what, path: path() },
        UnreadableFile::Io(source) => TlsError::Read {
            what,
            path: path(),
            source,
        },
    })
}

fn malformed(what: &'static str, file: &Path, source: pem::Error) -> TlsError {
    TlsError::Malformed {
        what,
        path: file.to_owned(),
        source: source.into(),
    }
}
