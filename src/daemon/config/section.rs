//! Reads the fields of one object, and reports errors with their locations.

use serde_json::Value;

use crate::{
    daemon::{
        config_issue::{ConfigErrors, ConfigIssue},
        parse::tree::{ConfigNode, NodeData},
    },
    definition::{DefinitionError, DefinitionErrors, Fields},
};

/// Reads the fields of an object, and refuses those that `read` does not ask for.
///
/// Returns what `read` returns, even if there are errors, so that later checks can run.
pub(super) fn section<T>(
    node: &ConfigNode,
    part: &str,
    issues: &mut ConfigErrors,
    read: impl FnOnce(&mut Fields<'_>, &mut DefinitionErrors) -> Option<T>,
) -> Option<T> {
    let mut errors = DefinitionErrors::default();
    let json = match (&node.data, node.to_json()) {
        (NodeData::Object(_), Value::Object(map)) => map,
        (_, other) => {
            errors.push(DefinitionError::wrong_type("", "an object", &other));
            report(node, part, &errors, issues);
            return None;
        }
    };
    for (name, first, second) in node.given_twice() {
        let first = first.line().unwrap_or_default();
        let reason = format!("`{name}` is given twice, first in line {first}: remove one of them");
        issues.push(ConfigIssue::in_part(part, second.clone(), reason));
    }
    let mut fields = Fields::new(&json);
    let found = read(&mut fields, &mut errors);
    fields.refuse_unread(&mut errors);
    report(node, part, &errors, issues);
    found
}

/// Adds errors in the fields of an object to the issues.
fn report(node: &ConfigNode, part: &str, errors: &DefinitionErrors, issues: &mut ConfigErrors) {
    for error in errors.iter() {
        issues.push(ConfigIssue::in_part(
            part,
            node.location_of(error.field()).clone(),
            error.to_string(),
        ));
    }
}
