//! [`TlsSettings`]: the settings of TLS in a configuration.

use std::path::{Path, PathBuf};

/// The TLS settings of a [`ConsulConfig`](super::ConsulConfig), by the names that Consul's clients use.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TlsSettings {
    pub(super) ca_file: Option<PathBuf>,
    pub(super) ca_path: Option<PathBuf>,
    pub(super) client: Option<ClientCertificate>,
    pub(super) server_name: Option<String>,
    pub(super) verify: bool,
}

/// The files that identify this client: always both, never one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientCertificate {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl TlsSettings {
    /// Makes the settings of a handler that calls a URL.
    #[cfg(feature = "tls")]
    pub(crate) fn of_handler(ca_file: Option<PathBuf>, verify: bool) -> Self {
        Self {
            ca_file,
            verify,
            ..Self::default()
        }
    }

    /// Returns whether files of authorities, certificates or keys are set.
    #[cfg(feature = "tls")]
    pub(super) fn names_files(&self) -> bool {
        self.names_authorities() || self.client.is_some()
    }

    /// Returns whether authorities are set.
    #[cfg(feature = "tls")]
    pub(super) fn names_authorities(&self) -> bool {
        self.ca_file.is_some() || self.ca_path.is_some()
    }

    /// A PEM file of the authorities to trust (`CONSUL_CACERT`). Without it and
    /// [`ca_path`](Self::ca_path): the system's.
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// A directory of PEM files of the authorities to trust (`CONSUL_CAPATH`).
    pub fn ca_path(&self) -> Option<&Path> {
        self.ca_path.as_deref()
    }

    /// The client certificate and its key (`CONSUL_CLIENT_CERT`, `CONSUL_CLIENT_KEY`).
    pub fn client_certificate(&self) -> Option<&ClientCertificate> {
        self.client.as_ref()
    }

    /// The name that the server's certificate must have when it is not the host's
    /// (`CONSUL_TLS_SERVER_NAME`).
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// Returns whether the server's certificate is verified (`CONSUL_HTTP_SSL_VERIFY`). Default: yes.
    pub fn verify(&self) -> bool {
        self.verify
    }
}

impl ClientCertificate {
    /// The PEM file of the certificate.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// The PEM file of its private key.
    pub fn key(&self) -> &Path {
        &self.key
    }
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self {
            ca_file: None,
            ca_path: None,
            client: None,
            server_name: None,
            verify: true,
        }
    }
}
