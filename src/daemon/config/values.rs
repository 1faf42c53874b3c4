//! Values that several parts of the files have.

use std::time::Duration;

use serde_json::Value;

use crate::{
    client::parse_duration,
    definition::{DefinitionError, DefinitionErrors, Fields},
    handlers::{Program, Signal},
};

/// A field that is a duration in Go's notation.
pub(super) fn duration(
    fields: &mut Fields<'_>,
    name: &'static str,
    errors: &mut DefinitionErrors,
) -> Option<Duration> {
    let text = fields.string(name, errors)?;
    let duration = parse_duration(&text);
    if duration.is_none() {
        let reason = "it does not parse as a duration; write `10s`, `1m30s` or `250ms`";
        errors.push(DefinitionError::unusable(name, reason));
    }
    duration
}

/// A field that is a whole number, from 0 on.
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
                DefinitionError::unusable(name, "it must be a whole number from 0 on")
            }
            other => DefinitionError::wrong_type(name, "a number", other),
        });
    }
    number
}

/// A field that is a list of texts.
pub(super) fn list(
    fields: &mut Fields<'_>,
    name: &'static str,
    errors: &mut DefinitionErrors,
) -> Option<Vec<String>> {
    fields.get(name)?;
    Some(fields.strings(name, errors))
}

/// A field that is a signal's name.
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

/// A field that is a program: a text for the shell, or a list that is run directly.
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
                "a text for the shell, or a list of texts",
                other,
            ));
            return None;
        }
    };
    checked(program, name, errors)
}

/// A program that is run directly: its name and its arguments.
pub(super) fn direct(
    args: &[String],
    name: &str,
    errors: &mut DefinitionErrors,
) -> Option<Program> {
    let Some((program, args)) = args.split_first() else {
        errors.push(DefinitionError::unusable(
            name,
            "it is empty; give a program, and its arguments after it",
        ));
        return None;
    };
    Some(Program::new(program).args(args))
}

/// The program, if it can be one.
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
