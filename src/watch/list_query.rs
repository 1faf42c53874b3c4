//! Common parts of the queries of the catalog and of health: parameters, names in URLs, and lists that share
//! unchanged entries with the previous one.

use std::{fmt::Write as _, sync::Arc};

use consul_watch_actors::{Failure, FailureClass, Item, Request, WatchPath};
use serde::de::DeserializeOwned;

use super::{
    consul_query::{Answering, ask_and_read, unless_same},
    source::failure,
};
use crate::{
    absence::{self, Absence},
    client::{ConsulClient, KeyPath, QueryAnswer, QueryRequest},
};

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

/// A name that cannot be part of a URL.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "{what} cannot be named {name:?}: no URL can contain that name; use the name it is registered with"
)]
pub(super) struct BadName {
    what: &'static str,
    name: String,
}

/// Returns `name` as the last segment of a URL's path.
pub(super) fn segment(what: &'static str, name: &str) -> Result<String, Failure> {
    match KeyPath::of_key(name) {
        Ok(KeyPath::Direct(path)) => Ok(path.trim_start_matches("/v1/kv/").to_owned()),
        Ok(KeyPath::NearestPrefix(_)) | Err(_) => Err(Failure::new(
            FailureClass::Invalid,
            BadName {
                what,
                name: name.to_owned(),
            },
        )),
    }
}

/// Sends one query for a list.
pub(super) fn list<T>(
    client: &ConsulClient,
    query: Result<QueryRequest, Failure>,
    request: Request<Vec<Arc<T>>>,
) -> Answering<Vec<Arc<T>>>
where
    T: Item + PartialEq + DeserializeOwned,
{
    ask_and_read(client, query, request, |answer, previous| {
        let list: Option<Vec<T>> = answer.json().map_err(failure)?;
        let list: Vec<_> = list.unwrap_or_default().into_iter().map(Arc::new).collect();
        reject_hidden(answer, list.is_empty())?;
        let (list, same) = reuse_unchanged(list, previous.map(Vec::as_slice));
        Ok(unless_same(list, same))
    })
}

/// Fails for an empty list that the token filtered: see [`absence::of_empty_list`].
pub(super) fn reject_hidden(answer: &QueryAnswer, is_empty: bool) -> Result<(), Failure> {
    match absence::of_empty_list(answer.meta.results_filtered_by_acls) {
        Absence::Unproven(why) if is_empty => Err(Failure::new(FailureClass::Denied, why)),
        _ => Ok(()),
    }
}

/// Replaces entries of `list` by equal ones of `previous`, and returns whether the two lists are equal.
pub(super) fn reuse_unchanged<T: Item + PartialEq>(
    mut list: Vec<Arc<T>>,
    previous: Option<&[Arc<T>]>,
) -> (Vec<Arc<T>>, bool) {
    let old = previous.unwrap_or_default();
    let mut same = previous.is_some() && old.len() == list.len();
    // Built only if the two lists differ in their order.
    let mut by_id: Option<Vec<&Arc<T>>> = None;
    for (at, entry) in list.iter_mut().enumerate() {
        let in_step = old.get(at).filter(|partner| partner.id() == entry.id());
        let partner = in_step.or_else(|| {
            let by_id = by_id.get_or_insert_with(|| {
                let mut sorted: Vec<_> = old.iter().collect();
                sorted.sort_by(|a, b| a.id().cmp(&b.id()));
                sorted
            });
            let found = by_id.binary_search_by(|partner| partner.id().cmp(&entry.id()));
            found.ok().map(|at| by_id[at])
        });
        let equal = partner.filter(|partner| *partner == entry);
        same = same && in_step.is_some() && equal.is_some();
        if let Some(partner) = equal {
            *entry = Arc::clone(partner);
        }
    }
    (list, same)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Node;

    fn node(name: &str, address: &str) -> Arc<Node> {
        let mut node = Node::default();
        (node.node, node.address) = (name.to_owned(), address.to_owned());
        Arc::new(node)
    }

    #[test]
    fn equal_entries_are_shared_in_any_order() {
        let old = [node("a", "1"), node("b", "2"), node("c", "3")];
        let (new, same) = reuse_unchanged(
            vec![node("c", "3"), node("b", "9"), node("a", "1")],
            Some(&old),
        );
        assert!(!same);
        assert!(
            Arc::ptr_eq(&new[0], &old[2])
                && Arc::ptr_eq(&new[2], &old[0])
                && !Arc::ptr_eq(&new[1], &old[1])
        );
        assert!(
            reuse_unchanged(
                vec![node("a", "1"), node("b", "2"), node("c", "3")],
                Some(&old)
            )
            .1
        );
        assert!(!reuse_unchanged(vec![node("a", "1"), node("b", "2")], Some(&old)).1);
        assert!(reuse_unchanged::<Node>(Vec::new(), Some(&[])).1);
        assert!(
            !reuse_unchanged::<Node>(Vec::new(), None).1,
            "the first value counts even if it is empty"
        );
    }

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

    #[test]
    fn a_name_that_no_url_can_contain_ends_the_watch() {
        assert_eq!(
            segment("a service", "web app/ü").unwrap(),
            "web%20app/%C3%BC"
        );
        for name in ["", ".", "..", "a//b", "a/../b", "a\n"] {
            let error = segment("a service", name).unwrap_err();
            assert_eq!(error.class(), FailureClass::Invalid, "{name:?}");
            assert!(error.to_string().contains("a service"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn sharing_changes_no_value(
            old in prop::collection::btree_map("[a-e]", "[12]", 0..5),
            new in prop::collection::vec(("[a-e]", "[12]"), 0..5),
        ) {
            let old: Vec<_> = old.iter().map(|(name, address)| node(name, address)).collect();
            let new: Vec<_> = new.iter().map(|(name, address)| node(name, address)).collect();
            let (list, same) = reuse_unchanged(new.clone(), Some(&old));
            prop_assert_eq!(&list, &new);
            prop_assert_eq!(same, old == new);
        }
    }
}
