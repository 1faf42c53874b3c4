//! Conversion of a definition into the query of its type.

use super::{Definition, WatchType};
use crate::{
    client::Consistency,
    handlers::HandlerPayload,
    model::CheckStatus,
    watch::{
        AgentService, Checks, ConnectLeaf, ConnectRoots, Event, Key, KeyPrefix, Nodes, Service,
        Services,
    },
};

/// A visitor for a query of any type.
pub trait QueryVisitor {
    /// The result.
    type Output;

    /// Visits a query.
    fn visit_query<Q: HandlerPayload>(self, query: Q) -> Self::Output;
}

/// Sets the named parameters of a query from the definition.
macro_rules! configured {
    ($definition:ident, $query:expr $(, $part:ident)*) => {{
        let mut query = $query;
        $( configured!(@ $part, $definition, query); )*
        query
    }};
    (@ datacenter, $definition:ident, $query:ident) => {
        if let Some(datacenter) = &$definition.datacenter { $query = $query.with_datacenter(datacenter); }
    };
    (@ namespaces, $definition:ident, $query:ident) => {
        if let Some(namespace) = &$definition.namespace { $query = $query.with_namespace(namespace); }
        if let Some(partition) = &$definition.partition { $query = $query.with_partition(partition); }
    };
    (@ token, $definition:ident, $query:ident) => {
        if let Some(token) = &$definition.token { $query = $query.with_token(token.clone()); }
    };
    (@ stale, $definition:ident, $query:ident) => {
        if $definition.stale { $query = $query.with_consistency(Consistency::Stale { max_stale: None }); }
    };
    (@ limits, $definition:ident, $query:ident) => {
        if let Some(bytes) = $definition.body_limit { $query = $query.with_max_body_size(bytes); }
        if let Some(timeout) = $definition.first_answer_timeout { $query = $query.with_first_answer_timeout(timeout); }
    };
    (@ filter, $definition:ident, $query:ident) => {
        if let Some(filter) = &$definition.filter { $query = $query.with_filter(filter); }
    };
}

impl Definition {
    /// Passes the query of this definition to a visitor. As in Consul, parameters that the type does not have
    /// are ignored (the datacenter of an agent's service).
    pub fn visit<V: QueryVisitor>(&self, visitor: V) -> V::Output {
        let d = self;
        match &self.watch_type {
            WatchType::Key { key } => visitor.visit_query(configured!(
                d,
                Key::new(key),
                datacenter,
                namespaces,
                token,
                stale,
                limits
            )),
            WatchType::KeyPrefix { prefix } => visitor.visit_query(configured!(
                d,
                KeyPrefix::raw(prefix),
                datacenter,
                namespaces,
                token,
                stale,
                limits
            )),
            WatchType::Services => visitor.visit_query(configured!(
                d,
                Services::new(),
                datacenter,
                namespaces,
                token,
                stale,
                filter,
                limits
            )),
            WatchType::Nodes => visitor.visit_query(configured!(
                d,
                Nodes::new(),
                datacenter,
                namespaces,
                token,
                stale,
                filter,
                limits
            )),
            WatchType::Service {
                service,
                tags,
                passing_only,
            } => {
                let mut query = Service::new(service);
                for tag in tags {
                    query = query.tag(tag);
                }
                if *passing_only {
                    query = query.passing_only();
                }
                visitor.visit_query(configured!(
                    d, query, datacenter, namespaces, token, stale, filter, limits
                ))
            }
            WatchType::Checks { service, state } => {
                let query = match (service, state.as_deref()) {
                    (Some(service), _) => Checks::of_service(service),
                    (None, None | Some("any")) => Checks::any(),
                    (None, Some(state)) => Checks::in_state(CheckStatus::from(state)),
                };
                visitor.visit_query(configured!(
                    d, query, datacenter, namespaces, token, stale, filter, limits
                ))
            }
            WatchType::Event { name } => {
                let query = name.as_ref().map_or_else(Event::any, Event::named);
                visitor.visit_query(configured!(d, query, token, limits))
            }
            WatchType::ConnectRoots => visitor.visit_query(configured!(
                d,
                ConnectRoots::new(),
                datacenter,
                token,
                limits
            )),
            WatchType::ConnectLeaf { service } => visitor.visit_query(configured!(
                d,
                ConnectLeaf::new(service),
                datacenter,
                namespaces,
                token,
                limits
            )),
            WatchType::AgentService { service_id } => visitor.visit_query(configured!(
                d,
                AgentService::new(service_id),
                namespaces,
                token,
                limits
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Path;

    impl QueryVisitor for Path {
        type Output = String;

        fn visit_query<Q: HandlerPayload>(self, query: Q) -> String {
            query.path().to_string()
        }
    }

    #[test]
    fn each_definition_is_the_query_of_its_type() {
        for (watch, path) in [
            (
                json!({ "type": "key", "key": "a", "stale": true }),
                "key:a?stale",
            ),
            (
                json!({ "type": "keyprefix", "prefix": "a/" }),
                "keyprefix:a/?raw",
            ),
            (
                json!({ "type": "services", "datacenter": "x" }),
                "services?dc=x",
            ),
            (
                json!({ "type": "service", "service": "w", "tag": ["a", "b"], "passingonly": true }),
                "service:w?tag=a&tag=b&passingonly",
            ),
            (json!({ "type": "event", "token": "t" }), "event?token"),
            (
                json!({ "type": "agent_service", "service_id": "w1" }),
                "agent_service:w1",
            ),
            (
                json!({ "type": "connect_leaf", "service": "w" }),
                "connect_leaf:w",
            ),
            (json!({ "type": "connect_roots" }), "connect_roots"),
            (json!({ "type": "nodes", "filter": "x" }), "nodes?filter=x"),
        ] {
            assert_eq!(Definition::from_json(&watch).unwrap().visit(Path), path);
        }
    }
}
