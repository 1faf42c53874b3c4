//! The settings of TLS.

use std::path::PathBuf;

use super::{ConsulConfig, some};
use crate::client::tls::{ClientCertificate, TlsSettings};

impl ConsulConfig {
    /// Sets a PEM file of the authorities to trust. Default: the system's.
    #[must_use]
    pub fn with_ca_file(self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        self.set(|settings| settings.tls.ca_file = Some(path))
    }

    /// Sets a directory of PEM files of the authorities to trust. Other files in it are ignored; with
    /// [`with_ca_file`](Self::with_ca_file) the directory does not count, as with Consul's clients. Default: the
    /// system's authorities.
    #[must_use]
    pub fn with_ca_path(self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        self.set(|settings| settings.tls.ca_path = Some(path))
    }

    /// Sets the PEM files of the client certificate and of its key. Default: none.
    #[must_use]
    pub fn with_client_certificate(
        self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        let client = ClientCertificate {
            certificate: certificate.into(),
            key: key.into(),
        };
        self.set(|settings| settings.tls.client = Some(client))
    }

    /// Sets the name that the TLS handshake asks for and that the server's certificate must have.
    /// Default: the host of the address.
    #[must_use]
    pub fn with_tls_server_name(self, name: impl Into<String>) -> Self {
        let name = some(name);
        self.set(|settings| settings.tls.server_name = name)
    }

    /// Sets whether the server's certificate is verified. Default: yes. Without it there is a warning, once in
    /// the life of the process.
    #[must_use]
    pub fn with_tls_verify(self, verify: bool) -> Self {
        self.set(|settings| settings.tls.verify = verify)
    }

    /// The settings of TLS.
    pub fn tls(&self) -> &TlsSettings {
        &self.0.tls
    }
}
