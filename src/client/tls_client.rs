//! [`TlsClient`]: rustls with the configured authorities, client certificate, versions and protocols.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer, ServerName,
        pem::{self, PemObject},
    },
};

use super::{
    tls::{ClientCertificate, TlsSettings},
    tls_error::TlsError,
    tls_verify::AnyCertificate,
};

const AUTHORITIES: &str = "the certificate authorities";
const CERTIFICATE: &str = "the client certificate";
const KEY: &str = "the client's private key";

/// The configuration of TLS handshakes, as read from the files when it was made.
///
/// The crypto provider is our own, so an application need not install one.
#[derive(Clone)]
pub(crate) struct TlsClient {
    /// Offers HTTP/2 and HTTP/1.1.
    pub(super) any: Arc<ClientConfig>,
    /// Offers HTTP/1.1 alone.
    pub(super) http1: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
}

impl TlsClient {
    /// Reads the files and makes the configuration. The oldest version is TLS 1.2.
    pub(crate) fn new(settings: &TlsSettings) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|source| TlsError::Library {
                source: source.into(),
            })?;
        let builder = if settings.verify() {
            builder.with_root_certificates(authorities(settings)?)
        } else {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        };
        let mut http1 = match settings.client_certificate() {
            None => builder.with_no_client_auth(),
            Some(files) => {
                let (chain, key) = identity(files)?;
                let pair = builder.with_client_auth_cert(chain, key);
                pair.map_err(|source| TlsError::Pair {
                    certificate: files.certificate().to_owned(),
                    key: files.key().to_owned(),
                    source: source.into(),
                })?
            }
        };
        http1.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut any = http1.clone();
        any.alpn_protocols.insert(0, b"h2".to_vec());
        let server_name = settings.server_name().map(server_name).transpose()?;
        Ok(Self {
            any: Arc::new(any),
            http1: Arc::new(http1),
            server_name,
        })
    }

    /// Returns the name that the certificate of this host must have.
    pub(super) fn name_of(&self, host: &str) -> Result<ServerName<'static>, TlsError> {
        match &self.server_name {
            Some(name) => Ok(name.clone()),
            None => server_name(host),
        }
    }
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient")
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name {
        name: name.to_owned(),
    })
}

/// Reads the authorities to trust: from the file, else from the directory, else from the system.
fn authorities(settings: &TlsSettings) -> Result<RootCertStore, TlsError> {
    match (settings.ca_file(), settings.ca_path()) {
        (Some(file), _) => {
            let mut roots = RootCertStore::empty();
            add_file(&mut roots, file)?;
            if roots.is_empty() {
                return Err(TlsError::Missing {
                    what: "certificate",
                    path: file.to_owned(),
                });
            }
            Ok(roots)
        }
        (None, Some(directory)) => of_directory(directory),
        (None, None) => of_system(),
    }
}

fn of_directory(directory: &Path) -> Result<RootCertStore, TlsError> {
    let unreadable = |source| TlsError::Read {
        what: AUTHORITIES,
        path: directory.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        files.push(entry.map_err(unreadable)?.path());
    }
    files.sort();
    let mut roots = RootCertStore::empty();
    // Other files, such as a README, hold no authority; but a file that cannot be read is an error.
    for file in files.into_iter().filter(|file| file.is_file()) {
        add_file(&mut roots, &file)?;
    }
    if roots.is_empty() {
        return Err(TlsError::Missing {
            what: "certificate",
            path: directory.to_owned(),
        });
    }
    Ok(roots)
}

/// Reads the authorities that this machine trusts. Some of its certificates may be unusable, which is common.
fn of_system() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let source = found.errors.into_iter().next().map(Into::into);
        return Err(TlsError::NoAuthorities { source });
    }
    Ok(roots)
}

fn add_file(roots: &mut RootCertStore, file: &Path) -> Result<(), TlsError> {
    for certificate in certificates(file, AUTHORITIES)? {
        roots
            .add(certificate)
            .map_err(|source| TlsError::Malformed {
                what: AUTHORITIES,
                path: file.to_owned(),
                source: source.into(),
            })?;
    }
    Ok(())
}

fn identity(
    files: &ClientCertificate,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let chain = certificates(files.certificate(), CERTIFICATE)?;
    if chain.is_empty() {
        return Err(TlsError::Missing {
            what: "certificate",
            path: files.certificate().to_owned(),
        });
    }
    let text = read(files.key(), KEY)?;
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::Missing {
            what: "unencrypted private key",
            path: files.key().to_owned(),
        },
        error => malformed(KEY, files.key(), error),
    })?;
    Ok((chain, key))
}

fn certificates(file: &Path, what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(file, what)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    found.map_err(|error| malformed(what, file, error))
}

/// Reads a file into memory that is wiped, since one of the files is a private key.
fn read(file: &Path, what: &'static str) -> Result<zeroize::Zeroizing<Vec<u8>>, TlsError> {
    fs::read(file)
        .map(zeroize::Zeroizing::new)
        .map_err(|source| TlsError::Read {
            what,
            path: PathBuf::from(file),
            source,
        })
}

fn malformed(what: &'static str, file: &Path, source: pem::Error) -> TlsError {
    TlsError::Malformed {
        what,
        path: file.to_owned(),
        source: source.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(change: impl FnOnce(&mut TlsSettings)) -> TlsSettings {
        let mut settings = TlsSettings::default();
        change(&mut settings);
        settings
    }

    fn fails(change: impl FnOnce(&mut TlsSettings)) -> String {
        TlsClient::new(&settings(change))
            .expect_err("it cannot be set up")
            .to_string()
    }

    #[test]
    fn a_file_that_is_missing_empty_or_damaged_is_named() {
        let home = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = home.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let shown = |path: &Path| path.display().to_string();
        let missing = home.path().join("missing.pem");
        assert!(fails(|tls| tls.ca_file = Some(missing.clone())).contains(&shown(&missing)));
        let empty = file("empty.pem", "no certificate");
        let told = fails(|tls| tls.ca_file = Some(empty.clone()));
        assert!(
            told.contains(&shown(&empty)) && told.contains("-----BEGIN"),
            "{told}"
        );
        let damaged = file(
            "damaged.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        );
        assert!(fails(|tls| tls.ca_file = Some(damaged.clone())).contains(&shown(&damaged)));
        assert!(fails(|tls| tls.ca_path = Some(missing.clone())).contains(&shown(&missing)));
        let nothing = tempfile::tempdir().unwrap();
        assert!(fails(|tls| tls.ca_path = Some(nothing.path().to_owned())).contains("PEM"));
        let told = fails(|tls| {
            tls.verify = false;
            tls.client = Some(ClientCertificate {
                certificate: empty.clone(),
                key: empty.clone(),
            });
        });
        assert!(told.contains(&shown(&empty)), "{told}");
    }

    #[test]
    fn a_server_name_is_a_name_or_an_ip_address() {
        for (name, fits) in [
            ("server.dc1.consul", true),
            ("127.0.0.1", true),
            ("::1", true),
            ("a b", false),
        ] {
            let tls = settings(|tls| {
                tls.verify = false;
                tls.server_name = Some(name.to_owned());
            });
            assert_eq!(TlsClient::new(&tls).is_ok(), fits, "{name}");
        }
    }

    #[test]
    fn http2_is_offered_first() {
        let tls = TlsClient::new(&settings(|tls| tls.verify = false)).unwrap();
        assert_eq!(
            tls.any.alpn_protocols,
            [b"h2".to_vec(), b"http/1.1".to_vec()]
        );
        assert_eq!(tls.http1.alpn_protocols, [b"http/1.1".to_vec()]);
    }

    #[test]
    fn crypto_is_not_left_to_the_application() {
        assert!(
            rustls::crypto::CryptoProvider::get_default().is_none(),
            "nobody has installed one in this process"
        );
    }
}
