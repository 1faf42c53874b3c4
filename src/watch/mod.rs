//! Queries of Consul that can be watched: one type for each of Consul's watch types
//! (<https://developer.hashicorp.com/consul/docs/dynamic-app-config/watches>), and values derived from them.
//!
//! | type | value |
//! |---|---|
//! | [`Key`], [`JsonKey`] | one key; its JSON as a type of the application |
//! | [`KeyPrefix`], [`DecodedPrefix`] | the keys of a folder; the folder as a struct |
//! | [`KeySet`] | several keys and folders as one value |
//! | [`Services`], [`Nodes`] | all services, all nodes |
//! | [`Service`], [`ServiceCatalog`] | the instances of one service, of all services |
//! | [`Checks`] | health checks |
//! | [`Event`] | user events |
//! | [`ConnectRoots`], [`ConnectLeaf`] | certificates of the mesh |
//! | [`AgentService`] | one instance as its agent has it |

mod agent_service;
mod asked_entries;
mod catalog_item;
mod catalog_proof;
mod catalog_transaction;
mod checks;
mod connect_leaf;
mod connect_roots;
mod consul_query;
mod decoded_prefix;
mod event;
mod first_answer;
pub(crate) mod glob;
mod hidden;
mod identified;
mod json_key;
mod key;
mod key_prefix;
mod key_set;
mod kv_list;
mod kv_proof;
mod kv_removals;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod kv_support;
mod list_query;
mod list_removals;
mod nodes;
mod pacing;
pub mod predicates;
mod query_options;
mod service;
mod service_catalog;
mod services;
mod shared_entries;
mod shared_query;
mod source;
mod typed_query;
mod unreadable;
mod url_segment;

#[cfg(feature = "cli")]
pub(crate) use self::shared_query::{MAX_ROOT_LENGTH, nearest_root};
pub(crate) use self::url_segment::fits_url;
pub use self::{
    agent_service::AgentService, checks::Checks, connect_leaf::ConnectLeaf,
    connect_roots::ConnectRoots, decoded_prefix::DecodedPrefix, event::Event, json_key::JsonKey,
    key::Key, key_prefix::KeyPrefix, key_set::KeySet, nodes::Nodes, service::Service,
    service_catalog::ServiceCatalog, services::Services,
};
