//! One object of the files: its fields are read, and what is wrong is told with its line.

use serde_json::Value;

use crate::{
    daemon::{
        config_issue::{ConfigErrors, ConfigIssue},
        parse::tree::{ConfigNode, NodeData},
    },
    definition::{DefinitionError, DefinitionErrors, Fields},
};

/// Reads an object's fields; those that `read` does not ask for are refused. There is a result even when
/// something is wrong, as far as there can be one.
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
            tell(node, part, &errors, issues);
            return None;
        }
    };
    for (name, first, second) in node.given_twice() {
        let first = first.line().unwrap_or_default();
        let reason = format!(
            "`{name}` is given twice: it is in line {first} already; leave one of them out"
        );
        issues.push(ConfigIssue::of(part, second.clone(), reason));
    }
    let mut fields = Fields::new(&json);
    let found = read(&mut fields, &mut errors);
    fields.refuse_unread(&mut errors);
    tell(node, part, &errors, issues);
    found
}

/// Tells of errors in the fields of an object.
pub(super) fn tell(
    node: &ConfigNode,
    part: &str,
    errors: &DefinitionErrors,
    issues: &mut ConfigErrors,
) {
    for error in errors.iter() {
        issues.push(ConfigIssue::of(
            part,
            node.location_of(error.field()).clone(),
            error.to_string(),
        ));
    }
}
