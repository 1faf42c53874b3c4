//! The list `roots`: prefixes whose single query serves all watches under them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    client::cleaned_key,
    daemon::{
        config_issue::{ConfigErrors, ConfigIssue},
        location::Location,
        parse::tree::{ConfigNode, NodeData},
    },
    definition::DefinitionError,
    watch::{KeyPrefix, MAX_ROOT_LENGTH},
};

/// A prefix whose single query serves the watches under it.
#[derive(Debug, Clone)]
pub(crate) struct RootSpec {
    pub(crate) prefix: String,
    pub(crate) location: Location,
}

impl RootSpec {
    /// Returns the query that the supervisor shares.
    pub(crate) fn query(&self) -> KeyPrefix {
        if self.prefix.is_empty() || self.prefix.ends_with('/') {
            // The same keys as of the raw prefix. A watch looks for folders first, starting with the nearest.
            KeyPrefix::new(&self.prefix)
        } else {
            // As Consul understands `prefix`.
            KeyPrefix::raw(&self.prefix)
        }
    }
}

/// Returns true if both lists hold the same prefixes, in any order.
pub(crate) fn same_prefixes(one: &[RootSpec], other: &[RootSpec]) -> bool {
    let prefixes = |roots: &[RootSpec]| {
        roots
            .iter()
            .map(|root| root.prefix.clone())
            .collect::<BTreeSet<_>>()
    };
    prefixes(one) == prefixes(other)
}

/// Adds the roots of a file to those of the files before it.
pub(super) fn read(node: &ConfigNode, roots: &mut Vec<RootSpec>, issues: &mut ConfigErrors) {
    let entries: Vec<_> = match &node.data {
        NodeData::List(list) => list
            .iter()
            .enumerate()
            .map(|(at, entry)| (format!("roots[{at}]"), entry))
            .collect(),
        NodeData::Scalar(Value::Null) => Vec::new(),
        // As for other lists, a string is a list of one entry.
        NodeData::Scalar(Value::String(_)) => vec![("roots".to_owned(), node)],
        _ => {
            let error = DefinitionError::wrong_type("roots", "a list of strings", &node.to_json());
            issues.push(ConfigIssue::at(node.location.clone(), error.to_string()));
            return;
        }
    };
    let mut of_this_file: Vec<RootSpec> = Vec::new();
    for (name, entry) in entries {
        match checked(&name, entry, &of_this_file) {
            Ok(prefix) => of_this_file.push(RootSpec {
                prefix,
                location: entry.location.clone(),
            }),
            Err(error) => issues.push(ConfigIssue::at(entry.location.clone(), error.to_string())),
        }
    }
    // Independent files may need the same root.
    of_this_file.retain(|root| roots.iter().all(|other| other.prefix != root.prefix));
    roots.append(&mut of_this_file);
}

fn checked(name: &str, entry: &ConfigNode, before: &[RootSpec]) -> Result<String, DefinitionError> {
    let NodeData::Scalar(Value::String(prefix)) = &entry.data else {
        return Err(DefinitionError::wrong_type(
            name,
            "a string",
            &entry.to_json(),
        ));
    };
    let unusable = |reason: String| Err(DefinitionError::unusable(name, reason));
    if let Some(rest) = prefix.strip_prefix('/') {
        let rest = rest.trim_start_matches('/');
        let remedy = if rest.is_empty() {
            "write `\"\"` if you mean all keys".to_owned()
        } else {
            format!("write `{rest}`, or `\"\"` for all keys")
        };
        return unusable(format!(
            "it starts with a slash, which no URL of Consul can name, so the query would read all keys; {remedy}"
        ));
    }
    let clean = cleaned_key(prefix);
    if clean.as_deref() != Some(prefix) {
        let remedy = clean.map_or_else(
            || "write the prefix itself".to_owned(),
            |clean| format!("write `{clean}`"),
        );
        return unusable(format!(
            "a part between slashes is empty, `.` or `..`, which no URL of Consul can name; {remedy}"
        ));
    }
    if prefix.len() > MAX_ROOT_LENGTH {
        return unusable(format!(
            "it is {} bytes long, and a root may have {MAX_ROOT_LENGTH}; shorten it",
            prefix.len()
        ));
    }
    if let Some(other) = before.iter().find(|other| other.prefix == *prefix) {
        let line = other.location.line().unwrap_or_default();
        return unusable(format!(
            "`{prefix}` is already in line {line}; remove one of them"
        ));
    }
    Ok(prefix.clone())
}
