//! [`TlsClient`]: rustls with the configured authorities, client certificate, versions and protocols.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rustls::{ClientConfig, crypto::ring, pki_types::ServerName};

use super::{
    tls::TlsSettings,
    tls_content::TlsContent,
    tls_error::TlsError,
    tls_verify::{AnyCertificate, NamedCertificates},
};

/// The shortest time between two readings after failed handshakes, however many fail.
const MIN_READ_INTERVAL: Duration = Duration::from_secs(1);

/// The configuration of TLS handshakes, as read from the files. Clones share it.
///
/// The crypto provider is our own, so an application need not install one.
#[derive(Clone)]
pub(crate) struct TlsClient {
    shared: Arc<Shared>,
    server_name: Option<ServerName<'static>>,
}

struct Shared {
    settings: TlsSettings,
    current: Mutex<Current>,
}

struct Current {
    handshakes: Handshakes,
    edition: Edition,
    digest: [u8; 32],
    /// The time of the last reading after a failed handshake.
    read: Option<Instant>,
}

/// The number of times that the content of the files has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edition(u64);

/// The configurations of one edition.
#[derive(Clone)]
pub(super) struct Handshakes {
    /// Offers HTTP/2 and HTTP/1.1.
    pub(super) any: Arc<ClientConfig>,
    /// Offers HTTP/1.1 alone.
    pub(super) http1: Arc<ClientConfig>,
}

impl TlsClient {
    /// Reads the files and makes the configuration. The oldest version is TLS 1.2.
    pub(crate) fn new(settings: &TlsSettings) -> Result<Self, TlsError> {
        let content = TlsContent::read(settings)?;
        let digest = content.digest;
        let current = Current {
            handshakes: Handshakes::new(settings, content)?,
            edition: Edition(0),
            digest,
            read: None,
        };
        Ok(Self {
            shared: Arc::new(Shared {
                settings: settings.clone(),
                current: Mutex::new(current),
            }),
            server_name: settings.server_name().map(server_name).transpose()?,
        })
    }

    /// Returns the name that the certificate of this host must have.
    pub(super) fn name_of(&self, host: &str) -> Result<ServerName<'static>, TlsError> {
        match &self.server_name {
            Some(name) => Ok(name.clone()),
            None => server_name(host),
        }
    }

    pub(super) fn handshakes(&self) -> Handshakes {
        self.current().handshakes.clone()
    }

    /// The edition of the content in use.
    pub(crate) fn edition(&self) -> Edition {
        self.current().edition
    }

    /// Reads the files again after a handshake failed with the content of an edition. Returns whether the content is
    /// another one by now; files that cannot be used change nothing.
    pub(crate) fn read_again(&self, failed: Edition) -> bool {
        let mut current = self.current();
        if current.edition != failed {
            return true;
        }
        if current
            .read
            .is_some_and(|at| at.elapsed() < MIN_READ_INTERVAL)
        {
            return false;
        }
        current.read = Some(Instant::now());
        let settings = &self.shared.settings;
        let content = TlsContent::read(settings);
        let handshakes = match content {
            Ok(content) if content.digest == current.digest => return false,
            Ok(content) => {
                let digest = content.digest;
                Handshakes::new(settings, content).map(|handshakes| (handshakes, digest))
            }
            Err(error) => Err(error),
        };
        match handshakes {
            Ok((handshakes, digest)) => {
                tracing::info!(
                    "TLS handshake failed, and certificates have changed: they are read again"
                );
                (current.handshakes, current.digest) = (handshakes, digest);
                current.edition.0 += 1;
                true
            }
            Err(error) => {
                tracing::warn!(%error, "TLS handshake failed, and certificates cannot be read again: the old ones stay");
                false
            }
        }
    }

    /// No panic leaves it inconsistent, so a poisoned lock is as good as a clean one.
    fn current(&self) -> MutexGuard<'_, Current> {
        let current = self.shared.current.lock();
        current.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handshakes {
    fn new(settings: &TlsSettings, content: TlsContent) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(library)?
            .dangerous();
        let builder = match content.authorities {
            Some(authorities) => builder.with_custom_certificate_verifier(Arc::new(
                NamedCertificates::new(authorities.roots, authorities.named, provider)
                    .map_err(library)?,
            )),
            None => builder.with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))),
        };
        let mut http1 = match (settings.client_certificate(), content.identity) {
            (Some(files), Some((chain, key))) => {
                let pair = builder.with_client_auth_cert(chain, key);
                pair.map_err(|source| TlsError::Pair {
                    certificate: files.certificate().to_owned(),
                    key: files.key().to_owned(),
                    source: source.into(),
                })?
            }
            _ => builder.with_no_client_auth(),
        };
        http1.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut any = http1.clone();
        any.alpn_protocols.insert(0, b"h2".to_vec());
        Ok(Self {
            any: Arc::new(any),
            http1: Arc::new(http1),
        })
    }
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient")
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

fn library(source: impl std::error::Error + Send + Sync + 'static) -> TlsError {
    TlsError::Library {
        source: Box::new(source),
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name {
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::client::tls::ClientCertificate;

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
        let tls = tls.handshakes();
        assert_eq!(
            tls.any.alpn_protocols,
            [b"h2".to_vec(), b"http/1.1".to_vec()]
        );
        assert_eq!(tls.http1.alpn_protocols, [b"http/1.1".to_vec()]);
    }

    #[test]
    fn files_are_read_again_once_for_all_handshakes_that_failed_and_not_in_a_storm() {
        let pem = |name: &str| {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transport/pem");
            fs::read(folder.join(name)).unwrap()
        };
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("ca.pem");
        fs::write(&file, pem("self_signed.pem")).unwrap();
        let tls = TlsClient::new(&settings(|tls| tls.ca_file = Some(file.clone()))).unwrap();
        let (first, before) = (tls.edition(), tls.handshakes());
        assert!(!tls.read_again(first), "nothing has changed");
        fs::write(&file, pem("unmarked.pem")).unwrap();
        assert!(!tls.read_again(first), "they were read a moment ago");
        assert_eq!(tls.edition(), first);
        let allow = || tls.current().read = None;
        allow();
        fs::write(&file, "damaged").unwrap();
        assert!(!tls.read_again(first), "the old ones stay");
        allow();
        fs::write(&file, pem("unmarked.pem")).unwrap();
        assert!(tls.read_again(first));
        assert!(!Arc::ptr_eq(&before.any, &tls.handshakes().any));
        // The others that failed with the old ones are tried again without a reading.
        fs::remove_file(&file).unwrap();
        assert!(tls.read_again(first));
        assert!(!tls.read_again(tls.edition()));
    }

    #[test]
    fn crypto_is_not_left_to_the_application() {
        assert!(
            rustls::crypto::CryptoProvider::get_default().is_none(),
            "nobody has installed one in this process"
        );
    }
}
