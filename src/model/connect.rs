//! The root certificates of the mesh.

use std::{fmt, sync::Arc};

use consul_watch_actors::{Item, Snapshot};

use super::{
    leaf::PrivateKey,
    record::{Nullable, record},
    time::Timestamp,
};

record! {
    /// The roots that the mesh trusts ("Certificate Authority - Connect HTTP API", "List CA Root
    /// Certificates").
    #[derive(Debug)]
    CaRoots {
        /// The root that signs now.
        active_root_id: String = "ActiveRootID" always,
        /// The trust domain of the mesh.
        trust_domain: String = "TrustDomain" always,
        /// All roots that are trusted: while the authority is rotated, the old one too.
        roots: Nullable<Vec<Arc<CaRoot>>> = "Roots" nullable,
    }
}

record! {
    /// A root certificate. It is identified by its id.
    #[derive(Debug)]
    CaRoot {
        /// Its id: the fingerprint of the certificate.
        id: String = "ID" required,
        /// Its name, for people.
        name: String = "Name" always,
        /// The certificate's serial number.
        serial_number: u64 = "SerialNumber" always,
        /// The id of the key that signs with it.
        signing_key_id: String = "SigningKeyID" always,
        /// The trust domain it was made for.
        external_trust_domain: String = "ExternalTrustDomain" always,
        /// From when on it is valid.
        not_before: Timestamp = "NotBefore" always,
        /// Until when it is valid.
        not_after: Timestamp = "NotAfter" always,
        /// The certificate, as PEM.
        root_cert: String = "RootCert" always,
        /// The certificates between this one and the leaves, as PEM.
        intermediate_certs: Nullable<Vec<String>> = "IntermediateCerts" nullable,
        /// The certificate that signs, as PEM; agents do not send it.
        signing_cert: String = "SigningCert" omit_empty,
        /// The key that signs, as PEM; agents do not send it.
        signing_key: PrivateKey = "SigningKey" omit_empty,
        /// Whether it signs now.
        active: bool = "Active" always,
        /// The kind of its key: `ec`, `rsa`.
        private_key_type: String = "PrivateKeyType" always,
        /// The size of its key.
        private_key_bits: u64 = "PrivateKeyBits" always,
        /// The index at which it was made.
        create_index: u64 = "CreateIndex" bookkeeping,
        /// The index of its last change.
        modify_index: u64 = "ModifyIndex" bookkeeping,
    }
}

impl CaRoots {
    /// The root that signs now.
    pub fn active(&self) -> Option<&Arc<CaRoot>> {
        self.roots
            .iter()
            .find(|root| root.id == self.active_root_id)
    }
}

/// The entries are the roots: which of them signs is a part of each.
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

    fn same(&self, other: &Self) -> bool {
        self.alike(other)
    }
}

/// Its name and id.
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
