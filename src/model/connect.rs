//! Root certificates of the mesh.

use std::{fmt, sync::Arc};

use consul_watch_actors::{Item, Snapshot};

use super::{
    leaf::PrivateKey,
    record::{Nullable, record},
    time::Timestamp,
};

record! {
    /// The roots that the mesh trusts (<https://developer.hashicorp.com/consul/api-docs/connect/ca#list-ca-root-certificates>).
    #[derive(Debug)]
    CaRoots {
        /// The id of the root that signs now.
        active_root_id: String = "ActiveRootID" always,
        /// The trust domain of the mesh.
        trust_domain: String = "TrustDomain" always,
        /// All trusted roots; during a rotation of the authority also the old one.
        roots: Nullable<Vec<Arc<CaRoot>>> = "Roots" nullable,
    }
}

record! {
    /// A root certificate, identified by its id.
    #[derive(Debug)]
    CaRoot {
        /// The id: the fingerprint of the certificate.
        id: String = "ID" required,
        /// The name.
        name: String = "Name" always,
        /// The serial number of the certificate.
        serial_number: u64 = "SerialNumber" always,
        /// The id of its signing key.
        signing_key_id: String = "SigningKeyID" always,
        /// The trust domain that it was created for.
        external_trust_domain: String = "ExternalTrustDomain" always,
        /// The start of its validity.
        not_before: Timestamp = "NotBefore" always,
        /// The end of its validity.
        not_after: Timestamp = "NotAfter" always,
        /// The certificate, as PEM.
        root_cert: String = "RootCert" always,
        /// The certificates between this one and the leaves, as PEM.
        intermediate_certs: Nullable<Vec<String>> = "IntermediateCerts" nullable,
        /// The signing certificate, as PEM; agents do not send it.
        signing_cert: String = "SigningCert" omit_empty,
        /// The signing key, as PEM; agents do not send it.
        signing_key: PrivateKey = "SigningKey" omit_empty,
        /// Whether it signs now.
        active: bool = "Active" always,
        /// The type of its key: `ec`, `rsa`.
        private_key_type: String = "PrivateKeyType" always,
        /// The size of its key.
        private_key_bits: u64 = "PrivateKeyBits" always,
        /// The index of its creation.
        create_index: u64 = "CreateIndex" bookkeeping,
        /// The index of its last change.
        modify_index: u64 = "ModifyIndex" bookkeeping,
    }
}

impl CaRoots {
    /// Returns the root that signs now.
    pub fn active(&self) -> Option<&Arc<CaRoot>> {
        self.roots
            .iter()
            .find(|root| root.id == self.active_root_id)
    }
}

/// The items are the roots. Whether a root signs is part of the root.
impl Snapshot for CaRoots {
    type Item = CaRoot;

    fn items(&self) -> &[Arc<CaRoot>] {
        &self.roots
    }
}

impl Item for CaRoot {
    type Id<'a> = &'a str;

    fn id(&self) -> &str {
        &self.id
    }

    fn content_eq(&self, other: &Self) -> bool {
        self.alike(other)
    }
}

/// Displays the name and the id.
impl fmt::Display for CaRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}{})",
            self.name,
            self.id,
            if self.active { ", active" } else { "" }
        )
    }
}
