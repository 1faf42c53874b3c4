//! Watches as data: their type and parameters, with the names of the agent's `watches` stanza and of
//! `consul watch` (<https://developer.hashicorp.com/consul/docs/dynamic-app-config/watches>).
//!
//! Start with [`Definition::from_json`]; [`Definition::to_json`] is its inverse. A stanza with further fields
//! (a handler) is read with [`Fields`], which reports the fields that were not read.

mod error;
mod fields;
mod parse;
mod query;

#[cfg(feature = "cli")]
pub(crate) use self::error::nearest;
pub use self::{
    error::{DefinitionError, DefinitionErrors},
    fields::Fields,
    query::QueryVisitor,
};

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::{client::Secret, text::escaped};

/// The greatest length of the name of a key in a warning or an error, in characters.
const MAX_NAME: usize = 200;

/// A watch and the parameters of its query
/// (<https://developer.hashicorp.com/consul/docs/dynamic-app-config/watches>).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Definition {
    /// The watch type and its parameters.
    pub watch_type: WatchType,
    /// `datacenter`: the datacenter to query. Default: the agent's own.
    pub datacenter: Option<String>,
    /// `token`: the ACL token of the query. Default: the client's.
    pub token: Option<Secret>,
    /// `namespace` (Consul Enterprise).
    pub namespace: Option<String>,
    /// `partition` (Consul Enterprise).
    pub partition: Option<String>,
    /// `stale`: whether any server may answer, not only the leader. Default: no.
    pub stale: bool,
    /// `filter`: an expression of Consul's filter language
    /// (<https://developer.hashicorp.com/consul/api-docs/features/filtering>).
    pub filter: Option<String>,
    /// `body_limit`, an extension: the greatest size of an answer in bytes. Default: the client's.
    pub body_limit: Option<usize>,
    /// `first_answer_timeout`, an extension: the time that the first answer may take. Default: the client's.
    pub first_answer_timeout: Option<Duration>,
}

/// A watch type with its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WatchType {
    /// `key`: one key.
    Key {
        /// The name of the key.
        key: String,
    },
    /// `keyprefix`: every key that begins with a text.
    KeyPrefix {
        /// The text.
        prefix: String,
    },
    /// `services`: the names of all services, with their tags.
    Services,
    /// `nodes`: all nodes.
    Nodes,
    /// `service`: the instances of a service, with their checks.
    Service {
        /// The name of the service.
        service: String,
        /// `tag`: only instances with all of these tags.
        tags: Vec<String>,
        /// `passingonly`: only instances whose checks all pass.
        passing_only: bool,
    },
    /// `checks`: the checks of one service, or in one state, or all.
    Checks {
        /// The service.
        service: Option<String>,
        /// The state: `passing`, `warning`, `critical` or `any`.
        state: Option<String>,
    },
    /// `event`: user events.
    Event {
        /// Only events with this name.
        name: Option<String>,
    },
    /// `connect_roots`: the certificates of the service mesh's authorities.
    ConnectRoots,
    /// `connect_leaf`: the certificate of one service.
    ConnectLeaf {
        /// The service.
        service: String,
    },
    /// `agent_service`: one service as its agent has it.
    AgentService {
        /// The id of the service.
        service_id: String,
    },
}

impl WatchType {
    /// Consul's names of all watch types.
    pub const TYPES: [&'static str; 10] = [
        "key",
        "keyprefix",
        "services",
        "nodes",
        "service",
        "checks",
        "event",
        "connect_roots",
        "connect_leaf",
        "agent_service",
    ];

    /// Returns Consul's name of the type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Key { .. } => "key",
            Self::KeyPrefix { .. } => "keyprefix",
            Self::Services => "services",
            Self::Nodes => "nodes",
            Self::Service { .. } => "service",
            Self::Checks { .. } => "checks",
            Self::Event { .. } => "event",
            Self::ConnectRoots => "connect_roots",
            Self::ConnectLeaf { .. } => "connect_leaf",
            Self::AgentService { .. } => "agent_service",
        }
    }
}

impl Definition {
    /// Returns a definition of this type with default parameters.
    pub fn new(watch_type: WatchType) -> Self {
        Self {
            watch_type,
            datacenter: None,
            token: None,
            namespace: None,
            partition: None,
            stale: false,
            filter: None,
            body_limit: None,
            first_answer_timeout: None,
        }
    }

    /// Reads a definition without further fields.
    ///
    /// ```
    /// use consul_watch::definition::Definition;
    ///
    /// let watch = serde_json::json!({ "type": "service", "service": "web", "tag": ["v1", "blue"] });
    /// assert_eq!(Definition::from_json(&watch)?.to_json(), watch);
    ///
    /// let wrong = serde_json::json!({ "type": "service", "servcie": "web" });
    /// let errors = Definition::from_json(&wrong).unwrap_err();
    /// assert!(errors.to_string().contains("did you mean `service`?"), "{errors}");
    /// # Ok::<(), consul_watch::definition::DefinitionErrors>(())
    /// ```
    ///
    /// # Errors
    ///
    /// All errors at once: see [`DefinitionError`].
    pub fn from_json(json: &Value) -> Result<Self, DefinitionErrors> {
        let mut errors = DefinitionErrors::default();
        let Some(map) = json.as_object() else {
            errors.push(DefinitionError::wrong_type("", "an object", json));
            return Err(errors);
        };
        let mut fields = Fields::new(map);
        let definition = Self::read(&mut fields, &mut errors);
        fields.refuse_unread(&mut errors);
        match definition {
            Some(definition) if errors.is_empty() => Ok(definition),
            _ => Err(errors),
        }
    }

    /// Returns a warning about the name of the key or prefix, if these fields do not spell it as this definition has
    /// it, but for one slash in front.
    ///
    /// ```
    /// use consul_watch::definition::Definition;
    ///
    /// let fields = serde_json::json!({ "type": "key", "key": "app//a" });
    /// let definition = Definition::from_json(&fields)?;
    /// assert_eq!(definition.to_json()["key"], "app/a");
    /// let (field, warning) = definition.respelled(|name| fields[name].as_str()).unwrap();
    /// assert!(field == "key" && warning.contains("is taken for `app/a`"), "{warning}");
    /// # Ok::<(), consul_watch::definition::DefinitionErrors>(())
    /// ```
    pub fn respelled<'a>(
        &self,
        text: impl FnOnce(&'static str) -> Option<&'a str>,
    ) -> Option<(&'static str, String)> {
        let (field, name) = match &self.watch_type {
            WatchType::Key { key } => ("key", key),
            WatchType::KeyPrefix { prefix } => ("prefix", prefix),
            _ => return None,
        };
        let given = text(field)?;
        if given.strip_prefix('/').unwrap_or(given) == name {
            return None;
        }
        let [given, name] = [given, name].map(|text| escaped(text, MAX_NAME));
        let warning = format!(
            "the {field} `{given}` is taken for `{name}`, as by Consul's own commands, since a part between slashes is \
             empty, `.` or `..`; write `{name}`"
        );
        Some((field, warning))
    }

    /// Returns the definition as JSON, including its token and without defaults.
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        let mut put = |name: &str, value: Value| {
            map.insert(name.to_owned(), value);
        };
        put("type", json!(self.watch_type.type_name()));
        match &self.watch_type {
            WatchType::Key { key } => put("key", json!(key)),
            WatchType::KeyPrefix { prefix } => put("prefix", json!(prefix)),
            WatchType::Service {
                service,
                tags,
                passing_only,
            } => {
                put("service", json!(service));
                match &tags[..] {
                    [] => {}
                    [tag] => put("tag", json!(tag)),
                    tags => put("tag", json!(tags)),
                }
                if *passing_only {
                    put("passingonly", json!(true));
                }
            }
            WatchType::Checks { service, state } => {
                for (name, value) in [("service", service), ("state", state)] {
                    if let Some(value) = value {
                        put(name, json!(value));
                    }
                }
            }
            WatchType::Event { name: Some(name) } => put("name", json!(name)),
            WatchType::ConnectLeaf { service } => put("service", json!(service)),
            WatchType::AgentService { service_id } => put("service_id", json!(service_id)),
            WatchType::Services
            | WatchType::Nodes
            | WatchType::Event { name: None }
            | WatchType::ConnectRoots => {}
        }
        let named = [
            ("datacenter", self.datacenter.as_deref()),
            ("token", self.token.as_ref().map(Secret::expose)),
            ("namespace", self.namespace.as_deref()),
            ("partition", self.partition.as_deref()),
            ("filter", self.filter.as_deref()),
        ];
        for (name, value) in named {
            if let Some(value) = value {
                put(name, json!(value));
            }
        }
        if self.stale {
            put("stale", json!(true));
        }
        if let Some(bytes) = self.body_limit {
            put("body_limit", json!(bytes));
        }
        if let Some(timeout) = self.first_answer_timeout {
            put(
                "first_answer_timeout",
                json!(format!("{}ms", timeout.as_millis())),
            );
        }
        Value::Object(map)
    }
}
