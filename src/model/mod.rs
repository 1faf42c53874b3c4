//! Consul's answers as values.
//!
//! Every struct has the fields of Consul 1.8 and later, in Rust spelling (<https://developer.hashicorp.com/consul/api-docs>). `extra` keeps fields that a
//! newer Consul adds, and enumerations have a variant for unknown names.
//!
//! **Serialization** with serde writes the JSON that Consul's API sent, field for field: `null`, empty and
//! omitted fields stay so ([`Nullable`]). `consul watch` passes different JSON to its handlers for services and
//! checks: [`handler`] writes that.
//!
//! **Equality** of items ([`Item`](crate::Item)): entries that differ only in their indexes are equal, because
//! an index only says that an entry was written again.

mod check;
mod connect;
mod entry;
mod event;
pub mod handler;
mod health;
mod instance;
mod leaf;
mod node;
mod proxy;
mod record;
mod services;
mod shape;
mod time;

pub(crate) use self::shape::Shaped;
pub use self::{
    check::{CheckDefinition, CheckStatus, HealthCheck},
    connect::{CaRoot, CaRoots},
    entry::{Endpoint, ServiceEntry},
    event::{EventLog, Payload, UserEvent},
    health::{Health, Transition, Transitions},
    instance::{
        ServiceAddress, ServiceConnect, ServiceInstance, ServiceKind, ServicePort, Weights,
    },
    leaf::{LeafCert, PrivateKey},
    node::{Locality, Node},
    proxy::{
        AccessLogs, Expose, ExposePath, MeshGateway, MeshGatewayMode, Proxy, ProxyMode,
        TransparentProxy, Upstream, UpstreamType,
    },
    record::{Extra, Nullable},
    services::{ServiceList, ServiceTags},
    shape::{Field, Shape},
    time::{GoDuration, Timestamp},
};
