//! The root certificates of the mesh.

use std::{fmt, sync::Arc};

use consul_watch_actors::{Item, Snapshot};

use super::{
    leaf::PrivateKey,
    record::{Sent, record},
    time::Timestamp,
};

record! {
    /// The roots that the mesh trusts ("Certificate Authority - Connect HTTP API", "List CA Root
    /// Certificates").
    #[derive(Debug)]
    CaRoots {
        /// The root that signs now.
        active_root_id: String = "ActiveRootID" keep,
        /// The trust domain of the mesh.
        trust_domain: String = "TrustDomain" keep,
        /// All roots that are trusted: while the authority is rotated, the old one too.
        roots: Sent<Vec<Arc<CaRoot>>> = "Roots" sent,
    }
}

record! {
    /// A root certificate. It is identified by its id.
    #[derive(Debug)]
    CaRoot {
        /// Its id: the fingerprint of the certificate.
        id: String = "ID" need,
        /// Its name, for people.
        name: String = "Name" keep,
        /// The certificate's serial number.
        serial_number: u64 = "SerialNumber" keep,
        /// The id of the key that signs with it.
        signing_key_id: String = "SigningKeyID" keep,
        /// The trust domain it was made for.
        external_trust_domain: String = "ExternalTrustDomain" keep,
        /// From when on it is valid.
        not_before: Timestamp = "NotBefore" keep,
        /// Until when it is valid.
        not_after: Timestamp = "NotAfter" keep,
        /// The certificate, as PEM.
        root_cert: String = "RootCert" keep,
        /// The certificates between this one and the leaves, as PEM.
        intermediate_certs: Sent<Vec<String>> = "IntermediateCerts" sent,
        /// The certificate that signs, as PEM; agents do not send it.
        signing_cert: String = "SigningCert" omit,
        /// The key that signs, as PEM; agents do not send it.
        signing_key: PrivateKey = "SigningKey" omit,
        /// Whether it signs now.
        active: bool = "Active" keep,
        /// The kind of its key: `ec`, `rsa`.
        private_key_type: String = "PrivateKeyType" keep,
        /// The size of its key.
        private_key_bits: u64 = "PrivateKeyBits" keep,
        /// The index at which it was made.
        create_index: u64 = "CreateIndex" mark,
        /// The index of its last change.
        modify_index: u64 = "ModifyIndex" mark,
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
