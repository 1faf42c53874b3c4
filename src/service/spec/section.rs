//! One object of the files: its fields are read, and what is wrong is told with its line.

use serde_json::Value;

use super::super::{
    fault::{ConfigErrors, Fault},
    source::{Data, Node},
};
use crate::definition::{DefinitionError, DefinitionErrors, Fields};

/// Reads an object's fields; those that `read` does not ask for are refused. There is a result even when
/// something is wrong, as far as there can be one.
pub(super) fn section<T>(
    node: &Node,
    part: &str,
    faults: &mut ConfigErrors,
    read: impl FnOnce(&mut Fields<'_>, &mut DefinitionErrors) -> Option<T>,
) -> Option<T> {
    let mut errors = DefinitionErrors::default();
    let json = match (&node.data, node.to_json()) {
        (Data::Object(_), Value::Object(map)) => map,
        (_, other) => {
            errors.push(DefinitionError::wrong_type("", "an object", &other));
            tell(node, part, &errors, faults);
            return None;
        }
    };
    for (name, first, second) in node.given_twice() {
        let first = first.line().unwrap_or_default();
        let reason = format!(
            "`{name}` is given twice: it is in line {first} already; leave one of them out"
        );
        faults.push(Fault::of(part, second.clone(), reason));
    }
    let mut fields = Fields::new(&json);
    let found = read(&mut fields, &mut errors);
    fields.refuse_unread(&mut errors);
    tell(node, part, &errors, faults);
    found
}

/// Tells of errors in the fields of an object.
pub(super) fn tell(node: &Node, part: &str, errors: &DefinitionErrors, faults: &mut ConfigErrors) {
    for error in errors.iter() {
        faults.push(Fault::of(
            part,
            node.place_of(error.field()).clone(),
            error.to_string(),
        ));
    }
}
