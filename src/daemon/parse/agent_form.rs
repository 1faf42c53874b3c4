//! The forms of a file that a Consul agent takes for the usual one.
//!
//! An agent ignores the case of a top-level name and of the names in `http_handler_config`, takes `null` for
//! nothing, and takes a list of one for its entry: of an object, as HCL has it for each block, and of a single value.

use serde_json::Value;

use super::tree::{ConfigNode, NodeData};

/// The fields of Consul's HTTP handler
/// (<https://developer.hashicorp.com/consul/docs/dynamic-app-config/watches#http-endpoint>).
const HTTP_FIELDS: [&str; 5] = ["path", "method", "timeout", "header", "tls_skip_verify"];

/// The fields of a watch that have a single value. Those that are lists, `args` and `tag`, stay as they are.
const SINGLE_FIELDS: [&str; 14] = [
    "type",
    "key",
    "prefix",
    "service",
    "service_id",
    "passingonly",
    "state",
    "name",
    "stale",
    "datacenter",
    "token",
    "filter",
    "handler",
    "handler_type",
];

/// Returns the tree in its usual form.
pub(super) fn usual(mut tree: ConfigNode) -> ConfigNode {
    if is_null(&tree) {
        tree.data = NodeData::Object(Vec::new());
    }
    let NodeData::Object(entries) = &mut tree.data else {
        return tree;
    };
    for (name, node) in entries {
        if name.eq_ignore_ascii_case("watches") {
            "watches".clone_into(name);
            match &mut node.data {
                NodeData::List(watches) => watches.iter_mut().for_each(usual_watch),
                _ => usual_watch(node),
            }
        }
    }
    tree
}

/// Keeps the last `watches` of an object of JSON, as an agent does, and returns the others. Those of HCL are joined.
pub(super) fn without_earlier_watches(tree: &mut ConfigNode) -> Vec<ConfigNode> {
    let NodeData::Object(entries) = &mut tree.data else {
        return Vec::new();
    };
    let is_watches = |(name, _): &(String, ConfigNode)| name == "watches";
    let mut left = entries.iter().filter(|entry| is_watches(entry)).count();
    let earlier = entries.extract_if(.., |entry| {
        left -= usize::from(is_watches(entry));
        is_watches(entry) && left > 0
    });
    earlier.map(|(_, node)| node).collect()
}

fn usual_watch(watch: &mut ConfigNode) {
    let NodeData::Object(fields) = &mut watch.data else {
        return;
    };
    for (name, node) in fields {
        if SINGLE_FIELDS.contains(&name.as_str()) {
            unwrap_one(node, |data| matches!(data, NodeData::Scalar(_)));
        }
        if name != "http_handler_config" {
            continue;
        }
        unwrap_one(node, |data| matches!(data, NodeData::Object(_)));
        if let NodeData::Object(fields) = &mut node.data {
            for (name, _) in fields {
                let known = HTTP_FIELDS
                    .iter()
                    .find(|known| name.eq_ignore_ascii_case(known));
                if let Some(known) = known {
                    (*known).clone_into(name);
                }
            }
        }
    }
}

/// Takes a list of one such entry for the entry.
fn unwrap_one(node: &mut ConfigNode, is_such: impl Fn(&NodeData) -> bool) {
    if let NodeData::List(list) = &mut node.data
        && list.len() == 1
        && is_such(&list[0].data)
    {
        *node = list.remove(0);
    }
}

fn is_null(node: &ConfigNode) -> bool {
    matches!(node.data, NodeData::Scalar(Value::Null))
}
