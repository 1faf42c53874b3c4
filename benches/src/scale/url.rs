//! Consul's address, for consul-watch and for the bare loops.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use awc::{Client, Connector};
use consul_watch::ConsulConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// An address, with the certificate to trust over HTTPS.
pub(super) struct Url {
    pub(super) address: String,
    certificate: Option<String>,
}

impl Url {
    /// A certificate of `-` means none.
    pub(super) fn new(address: &str, certificate: &str) -> Self {
        Self {
            address: address.to_owned(),
            certificate: (certificate != "-").then(|| certificate.to_owned()),
        }
    }

    pub(super) fn config(&self) -> Result<ConsulConfig, String> {
        let config = ConsulConfig::default()
            .with_address(&*self.address)
            .map_err(|error| error.to_string())?;
        Ok(match &self.certificate {
            Some(file) => config.with_ca_file(file),
            None => config,
        })
    }

    /// An awc client with a limit of connections.
    pub(super) fn client(&self, connections: usize) -> Result<Client, String> {
        let day = Duration::from_secs(86_400);
        let mut connector = Connector::new()
            .limit(connections)
            .conn_lifetime(day)
            .conn_keep_alive(day);
        if let Some(file) = &self.certificate {
            connector = connector.rustls_0_23(Arc::new(trusting(file)?));
        }
        Ok(Client::builder()
            .connector(connector)
            .disable_timeout()
            .finish())
    }
}

fn trusting(file: &str) -> Result<ClientConfig, String> {
    let read = |error: &dyn std::fmt::Display| format!("{file}: {error}");
    let text = fs::read(file).map_err(|error| read(&error))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        roots
            .add(certificate.map_err(|error| read(&error))?)
            .map_err(|error| read(&error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
