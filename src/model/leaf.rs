//! Certificates of services in the mesh.

use std::fmt;

use consul_watch_actors::Item;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{record::record, shape::Shaped, time::Timestamp};
use crate::client::Secret;

record! {
    /// A certificate and its key (<https://developer.hashicorp.com/consul/api-docs/agent/connect#service-leaf-certificate>), identified by its serial number:
    /// a renewed certificate is another one.
    ///
    /// `Debug` shows neither the key nor unknown fields. The JSON contains the key, because handlers need it.
    LeafCert {
        /// The serial number, in hexadecimal.
        serial_number: String = "SerialNumber" required,
        /// The certificate and the intermediate ones up to the root, as PEM.
        cert_pem: String = "CertPEM" omit_empty,
        /// The private key, as PEM.
        private_key_pem: PrivateKey = "PrivateKeyPEM" omit_empty,
        /// The name of its service.
        service: String = "Service" omit_empty,
        /// The SPIFFE id of that service.
        service_uri: String = "ServiceURI" omit_empty,
        /// The name of its agent, for the certificate of an agent.
        agent: String = "Agent" omit_empty,
        /// The SPIFFE id of that agent.
        agent_uri: String = "AgentURI" omit_empty,
        /// The kind of its gateway, for the certificate of a gateway (Consul 1.13).
        kind: String = "Kind" omit_empty,
        /// The SPIFFE id of that gateway.
        kind_uri: String = "KindURI" omit_empty,
        /// Whether it is the certificate of servers (Consul 1.14).
        server: bool = "Server" omit_empty,
        /// The SPIFFE id of the servers.
        server_uri: String = "ServerURI" omit_empty,
        /// The start of its validity.
        valid_after: Timestamp = "ValidAfter" always,
        /// The end of its validity. Consul renews it long before.
        valid_before: Timestamp = "ValidBefore" always,
        /// The namespace (Consul Enterprise); otherwise empty.
        namespace: String = "Namespace" omit_empty,
        /// The admin partition (Consul Enterprise); otherwise empty.
        partition: String = "Partition" omit_empty,
        /// The index of its issue.
        create_index: u64 = "CreateIndex" bookkeeping,
        /// The index of its last change.
        modify_index: u64 = "ModifyIndex" bookkeeping,
    }
}

/// A private key as PEM. It is never displayed, and wiped from memory when dropped; the JSON contains it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PrivateKey(Secret);

impl PrivateKey {
    /// Returns the text.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl Shaped for PrivateKey {}

impl Default for PrivateKey {
    fn default() -> Self {
        Self(Secret::from(""))
    }
}

impl From<Secret> for PrivateKey {
    fn from(key: Secret) -> Self {
        Self(key)
    }
}

impl Serialize for PrivateKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for PrivateKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Secret::from(String::deserialize(deserializer)?)))
    }
}

impl fmt::Debug for LeafCert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeafCert")
            .field("serial_number", &self.serial_number)
            .field("service", &self.service)
            .field("service_uri", &self.service_uri)
            .field("valid_after", &self.valid_after)
            .field("valid_before", &self.valid_before)
            .finish_non_exhaustive()
    }
}

impl Item for LeafCert {
    type Id<'a> = &'a str;

    fn id(&self) -> &str {
        &self.serial_number
    }

    fn content_eq(&self, other: &Self) -> bool {
        self.alike(other)
    }
}

/// Displays the service, the serial number and the end of validity.
impl fmt::Display for LeafCert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}, until {})",
            self.service, self.serial_number, self.valid_before
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_json_contains_the_key() {
        let text = r#"{"SerialNumber":"08","CertPEM":"c","PrivateKeyPEM":"hunter2","Service":"web","ServiceURI":"u","ValidAfter":"2026-11-22T20:19:34Z","ValidBefore":"2026-11-25T20:19:34Z","CreateIndex":17,"ModifyIndex":17,"NewKey":"hunter2"}"#;
        let leaf: LeafCert = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&leaf).unwrap(), text);
        assert!(!format!("{leaf:?} {leaf} {:?}", leaf.private_key_pem).contains("hunter2"));
        let error = serde_json::from_str::<LeafCert>(r#"{"PrivateKeyPEM":"hunter2"}"#).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
