//! What Consul answers, as values.
//!
//! Every struct has Consul's fields in Rust spelling ("Catalog HTTP API", "Health HTTP Endpoint", "Service -
//! Agent HTTP API", "Event HTTP Endpoint", "Certificate Authority - Connect HTTP API"), from Consul 1.8 on.
//! Fields that a newer Consul adds are kept in `extra`, and enumerations have a variant for names that are
//! not known yet.
//!
//! **Written back** with serde, a value is the JSON that Consul's API sent, field for field: what was `null`,
//! empty or left out is so again ([`Nullable`]). `consul watch` hands its handlers something else for services
//! and checks, since it passes the JSON through structs of its own: [`handler`] gives that.
//!
//! **What counts as the same** ([`Item`](crate::Item)): two entries that differ only in their indexes are
//! the same, since those only say that something was written again.

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
mod time;

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
    time::{GoDuration, Timestamp},
};
