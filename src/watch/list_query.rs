//! Common parts of the queries of the catalog and of health: parameters, and the outcome of a list.

use std::{fmt::Write as _, sync::Arc};

use consul_watch_actors::{Failure, Request, Snapshot, WatchPath};

use super::{
    catalog_item::CatalogItem,
    catalog_proof::right_to_service,
    consul_query::{Answering, ConsulQuery, unless_same},
    first_answer::FirstList,
    identified::Identified,
    list_removals::ListQuery,
    source::{by_index_if_settled, failure},
    unreadable::{Readable, read_list},
};
use crate::client::{ClientError, ConsulClient, QueryAnswer, QueryRequest};

/// Parameters that filter or order a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct ListParams {
    pub(super) filter: Option<String>,
    pub(super) near: Option<String>,
    pub(super) node_meta: Vec<(String, String)>,
    pub(super) peer: Option<String>,
}

impl ListParams {
    /// Adds these parameters to a request.
    pub(super) fn apply(&self, mut request: QueryRequest) -> QueryRequest {
        for (name, value) in [
            ("filter", &self.filter),
            ("near", &self.near),
            ("peer", &self.peer),
        ] {
            if let Some(value) = value {
                request = request.with_param(name, value);
            }
        }
        for (name, value) in &self.node_meta {
            request = request.with_param("node-meta", format!("{name}:{value}"));
        }
        request
    }

    /// Returns these parameters with the metadata of nodes as a part of the filter.
    ///
    /// The streaming backend compares `node-meta` otherwise than the servers: it answers 500 for a name with a
    /// hyphen, and a value matches every longer one. A filter means the same to both.
    pub(super) fn with_node_meta_as_filter(&self) -> Self {
        let own = self
            .filter
            .as_deref()
            .filter(|text| !text.trim().is_empty());
        let mut terms: Vec<String> = own.map(|text| format!("({text})")).into_iter().collect();
        terms.extend(
            self.node_meta
                .iter()
                .map(|(name, value)| format!("Node.Meta[{}] == {}", quoted(name), quoted(value))),
        );
        let filter = match (&terms[..], own) {
            ([], _) => None,
            // Consul's error shows a filter alone as it was written.
            ([_], Some(own)) => Some(own.to_owned()),
            _ => Some(terms.join(" and ")),
        };
        Self {
            filter,
            node_meta: Vec::new(),
            ..self.clone()
        }
    }

    /// Adds these parameters to a path.
    pub(super) fn describe(&self, mut path: WatchPath) -> WatchPath {
        for (name, value) in [
            ("filter", &self.filter),
            ("near", &self.near),
            ("peer", &self.peer),
        ] {
            if let Some(value) = value {
                path = path.option(format_args!("{name}={value}"));
            }
        }
        for (name, value) in &self.node_meta {
            path = path.option(format_args!("node-meta={name}:{value}"));
        }
        path
    }
}

/// Returns `text` as a string of a filter
/// (<https://developer.hashicorp.com/consul/api-docs/features/filtering#creating-expressions>). Its grammar ends a
/// string at the next quote, whatever stands before it, and then reads the escapes of Go.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        if c == '"' || c == '\\' || c.is_control() {
            // Writing to a string cannot fail.
            let _ = write!(quoted, "\\U{:08x}", u32::from(c));
        } else {
            quoted.push(c);
        }
    }
    quoted.push('"');
    quoted
}

/// Defines the named setters of [`ListParams`], for a type with a field `list_params`.
macro_rules! list_param_setters {
    ($($name:ident),+) => {
        $( $crate::watch::list_query::list_param_setters!(@ $name); )+
    };
    (@ filter) => {
        /// Keeps only entries that match this expression, such as `Meta.env == "prod"`
        /// (<https://developer.hashicorp.com/consul/api-docs/features/filtering>). Its fields depend on the
        /// watch type. An invalid expression is sent again after long pauses; `Status` says why. Default: none.
        #[must_use]
        pub fn with_filter(mut self, expression: impl Into<String>) -> Self {
            self.list_params.filter = Some(expression.into());
            self
        }
    };
    (@ near) => {
        /// Sorts entries by their distance from this node, which Consul estimates from round-trip times
        /// (<https://developer.hashicorp.com/consul/docs/architecture/coordinates>); `_agent` is the agent
        /// that answers. A different order alone is no change. Default: none.
        #[must_use]
        pub fn with_near(mut self, node: impl Into<String>) -> Self {
            self.list_params.near = Some(node.into());
            self
        }
    };
    (@ node_meta) => {
        /// Keeps only entries on nodes with this metadata. Several calls require all of it. Default: none.
        #[must_use]
        pub fn with_node_meta(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
            self.list_params.node_meta.push((name.into(), value.into()));
            self
        }
    };
    (@ peer) => {
        /// Watches the entries that were imported from this cluster peer (Consul 1.14 and later,
        /// <https://developer.hashicorp.com/consul/docs/connect/cluster-peering>). Default: this cluster.
        #[must_use]
        pub fn with_peer(mut self, peer: impl Into<String>) -> Self {
            self.list_params.peer = Some(peer.into());
            self
        }
    };
}
pub(super) use list_param_setters;

/// Sends one query for a list.
pub(super) fn list<Q, T>(
    watch: &Q,
    client: &ConsulClient,
    query: Result<QueryRequest, Failure>,
    params: &ListParams,
    request: Request<Vec<Arc<T>>>,
) -> Answering<Vec<Arc<T>>>
where
    Q: ConsulQuery,
    T: CatalogItem + Identified,
{
    list_by(watch, client, query, params, request, read_list)
}

/// Sends one query for a list whose entries have to pass this check.
pub(super) fn list_checked<Q, T>(
    watch: &Q,
    client: &ConsulClient,
    query: Result<QueryRequest, Failure>,
    params: &ListParams,
    request: Request<Vec<Arc<T>>>,
    check: impl Fn(&QueryAnswer, &T) -> Result<(), ClientError> + 'static,
) -> Answering<Vec<Arc<T>>>
where
    Q: ConsulQuery,
    T: CatalogItem + Identified,
{
    let read = move |answer: &QueryAnswer, known: &[Arc<T>]| {
        let read = read_list(answer, known)?;
        read.list
            .iter()
            .try_for_each(|entry| check(answer, entry))?;
        Ok(read)
    };
    list_by(watch, client, query, params, request, read)
}

/// Sends one query for a list that `read` decodes, given the previous one.
pub(super) fn list_by<Q, V, T>(
    watch: &Q,
    client: &ConsulClient,
    query: Result<QueryRequest, Failure>,
    params: &ListParams,
    request: Request<V>,
    read: impl Fn(&QueryAnswer, &[Arc<T>]) -> Result<Readable<T>, ClientError> + 'static,
) -> Answering<V>
where
    Q: ConsulQuery,
    V: Snapshot<Item = T> + From<Vec<Arc<T>>>,
    T: CatalogItem,
{
    let (client, path, options) = (client.clone(), watch.watch_path(), watch.options().clone());
    let is_peered = params.peer.is_some();
    let service = watch.service_name().map(str::to_owned);
    let is_never_empty = Q::NEVER_EMPTY && *params == ListParams::default();
    Box::pin(async move {
        let Request {
            cursor,
            previous,
            unproven,
            ..
        } = request;
        let list = ListQuery {
            client: &client,
            options: &options,
            path: &path,
            query: &query?,
            is_peered,
            is_never_empty,
        };
        let known = previous.as_deref().map(Snapshot::items);
        let read = |answer: &QueryAnswer| {
            let Readable { list, unreadable } =
                read(answer, known.unwrap_or_default()).map_err(failure)?;
            unreadable.report(&client, &path);
            Ok(list)
        };
        let listed = list.ask(&cursor, known, unproven, &read).await?;
        let (unsettled, same) = (listed.unsettled, listed.same);
        let is_empty = listed.list.is_empty() && known.is_none_or(<[_]>::is_empty);
        let (answer, outcome) = if is_empty && (unproven || known.is_none()) {
            let right = service.as_deref();
            let right = right.map(|service| right_to_service(&client, &options, service));
            let afresh = async || list.read_afresh(&read).await;
            // Boxed, because few lists need this.
            let first = Box::pin(FirstList::prove(
                listed.answer,
                listed.is_fresh,
                is_never_empty,
                afresh,
                right,
            ));
            first.await.outcome(&path, known.is_none())
        } else {
            let outcome = unless_same(V::from(listed.list), same);
            (listed.answer, outcome)
        };
        by_index_if_settled(&answer, outcome, unsettled, same)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_of_nodes_becomes_a_part_of_the_filter() {
        let filter = |own: Option<&str>, metadata: &[(&str, &str)]| {
            let params = ListParams {
                filter: own.map(str::to_owned),
                node_meta: metadata
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect(),
                ..ListParams::default()
            };
            let params = params.with_node_meta_as_filter();
            assert!(params.node_meta.is_empty());
            params.filter
        };
        assert_eq!(filter(None, &[]), None);
        assert_eq!(filter(Some(" "), &[]), None);
        assert_eq!(filter(Some("a == 1"), &[]).unwrap(), "a == 1");
        assert_eq!(
            filter(Some(""), &[("a-b", "x y"), ("c", "")]).unwrap(),
            r#"Node.Meta["a-b"] == "x y" and Node.Meta["c"] == """#
        );
        assert_eq!(
            filter(Some("a == 1 or b == 2"), &[("k", "q\"\\\n`ü")]).unwrap(),
            r#"(a == 1 or b == 2) and Node.Meta["k"] == "q\U00000022\U0000005c\U0000000a`ü""#
        );
    }
}
