//! What can be watched in Consul: one type per watch type.

mod agent_service;
mod catalog;
mod checks;
mod connect_leaf;
mod connect_roots;
mod consul_query;
mod coverage;
mod decode;
mod event;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
mod json;
mod key;
mod key_prefix;
mod key_spaces;
mod kv_proof;
mod kv_removals;
mod nodes;
mod options;
mod pairs;
pub mod predicates;
mod service;
mod service_catalog;
mod services;
mod source;

#[cfg(feature = "cli")]
pub(crate) use self::coverage::{LONGEST_ROOT, nearest_root};
pub use self::{
    agent_service::AgentService, checks::Checks, connect_leaf::ConnectLeaf,
    connect_roots::ConnectRoots, decode::Decode, event::Event, json::Json, key::Key,
    key_prefix::KeyPrefix, key_spaces::KeySpaces, nodes::Nodes, service::Service,
    service_catalog::ServiceCatalog, services::Services,
};
