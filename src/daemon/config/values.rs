//! Readers of values that several sections have.

use std::time::Duration;

use serde_json::Value;

use crate::{
    client::parse_duration,
    definition::{DefinitionError, DefinitionErrors, Fields},
    handlers::{Program, Signal},
};

/// Reads a duration in Go's notation, such as `1m30s`.
pub(super) fn duration(
    fields: &mut Fields<'_>,
    name: &'static str,
    errors: &mut DefinitionErrors,
) -> Option<Duration> {
    let text = fields.string(name, errors)?;
    let duration = parse_duration(&text);
    if duration.is_none() {
        let reason = "it is not a duration; write `10s`, `1m30s` or `250ms`";
        errors.push(DefinitionError::unusable(name, reason));
    }
    duration
}

/// Reads a whole number of at least 0.
pub(super) fn number(
    fields: &mut Fields<'_>,
    name: &'static str,
    errors: &mut DefinitionErrors,
) -> Option<u32> {
    let value = fields.get(name)?;
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    if number.is_none() {
        errors.push(match value {
            Value::Number(_) => {
                DefinitionError::unusable(name, "it must be a whole number of at least 0")
            }
            other => DefinitionError::wrong_type(name, "a number", other),
        });
    }
    number
}

/// Reads a list of strings.
pub(super) fn list(
    fields: &mut Fields<'_>,
    name: &'static str,
    errors: &mut DefinitionErrors,
) -> Option<Vec<String>> {
    fields.get(name)?;
    Some(fields.strings(name, errors))
}

/// Reads the name of a signal.
pub(super) fn signal(
    fields: &mut Fields<'_>,
    name: &'static str,
    errors: &mut DefinitionErrors,
) -> Option<Signal> {
    let signal = fields.string(name, errors)?.parse::<Signal>();
    signal
        .map_err(|error| errors.push(DefinitionError::unusable(name, error.to_string())))
        .ok()
}

/// Reads a program: a shell command, or a list of a program and its arguments.
pub(super) fn program(
    fields: &mut Fields<'_>,
    name: &'static str,
    errors: &mut DefinitionErrors,
) -> Option<Program> {
    let program = match fields.get(name)? {
        Value::String(line) => Program::shell(line),
        Value::Array(_) => direct(&list(fields, name, errors)?, name, errors)?,
        other => {
            errors.push(DefinitionError::wrong_type(
                name,
                "a shell command, or a list of strings",
                other,
            ));
            return None;
        }
    };
    checked(program, name, errors)
}

/// Returns the program of a list: its name and its arguments.
pub(super) fn direct(
    args: &[String],
    name: &str,
    errors: &mut DefinitionErrors,
) -> Option<Program> {
    let Some((program, args)) = args.split_first() else {
        errors.push(DefinitionError::unusable(
            name,
            "it is empty; give a program, followed by its arguments",
        ));
        return None;
    };
    Some(Program::new(program).args(args))
}

/// Returns the program if it is valid.
pub(super) fn checked(
    program: Program,
    name: &str,
    errors: &mut DefinitionErrors,
) -> Option<Program> {
    match program.validate() {
        Ok(()) => Some(program),
        Err(error) => {
            errors.push(DefinitionError::unusable(name, error.to_string()));
            None
        }
    }
}
