//! The settings of TLS.

use std::path::PathBuf;

use super::{ConsulConfig, some};
use crate::client::tls::{ClientCertificate, TlsSettings};

impl ConsulConfig {
    /// Sets a PEM file of the authorities to trust, instead of the system's.
    #[must_use]
    pub fn with_ca_file(self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        self.set(|settings| settings.tls.ca_file = Some(path))
    }

    /// Sets a directory of PEM files of the authorities to trust, instead of the system's. Other files in it
    /// are passed over; with [`with_ca_file`](Self::with_ca_file) the directory does not count, as with
    /// Consul's clients.
    #[must_use]
    pub fn with_ca_path(self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        self.set(|settings| settings.tls.ca_path = Some(path))
    }

    /// Sets the PEM files of the client certificate and of its key.
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

    /// Sets the name that is asked for in the TLS handshake and that the server's certificate must bear.
    /// Default: the host of the address.
    #[must_use]
    pub fn with_tls_server_name(self, name: impl Into<String>) -> Self {
        let name = some(name);
        self.set(|settings| settings.tls.server_name = name)
    }

    /// Sets whether the server's certificate is checked. Default: yes. When it is not, a warning tells so,
    /// once in the life of the process.
    #[must_use]
    pub fn with_tls_verify(self, verify: bool) -> Self {
        self.set(|settings| settings.tls.verify = verify)
    }

    /// What TLS needs to know.
    pub fn tls(&self) -> &TlsSettings {
        &self.0.tls
    }
}
