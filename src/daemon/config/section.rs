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
    for (name, first, second) in node.given_twice() {
        issues.push(twice(part, name, first, second));
    }
    fields_of(node, part, issues, read, |fields, errors, _| {
        fields.refuse_unread(errors);
    })
}

/// Reads the fields of a watch. Of a text that is given twice the last counts, as for an agent, with a warning.
pub(super) fn watch_section<T>(
    node: &ConfigNode,
    part: &str,
    (issues, warnings): (&mut ConfigErrors, &mut Vec<ConfigIssue>),
    read: impl FnOnce(&mut Fields<'_>, &mut DefinitionErrors) -> Option<T>,
) -> Option<T> {
    for (name, first, second) in node.given_twice() {
        if let (NodeData::Scalar(_), NodeData::Scalar(_)) = (&first.data, &second.data) {
            let line = first.location.line().unwrap_or_default();
            let reason = format!("`{name}` is given twice: that in line {line} is ignored");
            let location = second.location.clone();
            warnings.push(ConfigIssue::in_part(part, location, reason));
        } else {
            // An agent joins lists of HCL, and not those of JSON.
            issues.push(twice(part, name, first, second));
        }
    }
    fields_of(node, part, issues, read, |fields, errors, _| {
        fields.refuse_unread(errors);
    })
}

/// Reads the fields of an object in which an agent ignores what it does not know: so does this, with a warning.
pub(super) fn lenient_section<T>(
    node: &ConfigNode,
    part: &str,
    (issues, warnings): (&mut ConfigErrors, &mut Vec<ConfigIssue>),
    read: impl FnOnce(&mut Fields<'_>, &mut DefinitionErrors) -> Option<T>,
) -> Option<T> {
    fields_of(node, part, issues, read, |fields, _, node| {
        let mut unread = DefinitionErrors::default();
        fields.refuse_unread(&mut unread);
        for error in unread.iter() {
            let field = error.field();
            let meant = match error {
                DefinitionError::Unknown {
                    nearest: Some(name),
                    ..
                } => format!(" (did you mean `{name}`?)"),
                _ => String::new(),
            };
            let reason = format!("`{field}` is not a field here{meant}: it is ignored");
            let location = node.location_of(field).clone();
            warnings.push(ConfigIssue::in_part(part, location, reason));
        }
    })
}

fn fields_of<T>(
    node: &ConfigNode,
    part: &str,
    issues: &mut ConfigErrors,
    read: impl FnOnce(&mut Fields<'_>, &mut DefinitionErrors) -> Option<T>,
    unread: impl FnOnce(&Fields<'_>, &mut DefinitionErrors, &ConfigNode),
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
    let mut fields = Fields::new(&json);
    let found = read(&mut fields, &mut errors);
    unread(&fields, &mut errors, node);
    report(node, part, &errors, issues);
    found
}

fn twice(part: &str, name: &str, first: &ConfigNode, second: &ConfigNode) -> ConfigIssue {
    let line = first.location.line().unwrap_or_default();
    let reason = format!("`{name}` is given twice, first in line {line}: remove one of them");
    ConfigIssue::in_part(part, second.location.clone(), reason)
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
