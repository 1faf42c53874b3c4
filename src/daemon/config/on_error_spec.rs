//! The field `on_error`: the program for errors, and when it runs.

use serde_json::Value;

use crate::{
    client::parse_duration,
    daemon::config::values::{direct, list, program},
    definition::{DefinitionError, DefinitionErrors, Fields},
    handlers::{Environment, ErrorThreshold, OnError, Program},
};

/// `on_error`: a program, or `{ args | handler, after }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OnErrorSpec {
    pub(crate) program: Program,
    pub(crate) after: ErrorThreshold,
}

impl OnErrorSpec {
    /// Returns the settings for the handler, with this environment.
    pub(crate) fn on_error(&self, environment: Environment) -> OnError {
        OnError::new(self.program.clone().environment(environment)).after(self.after)
    }

    pub(super) fn read(fields: &mut Fields<'_>, errors: &mut DefinitionErrors) -> Option<Self> {
        const NAME: &str = "on_error";
        let Value::Object(map) = fields.get(NAME)? else {
            return Some(Self {
                program: program(fields, NAME, errors)?,
                after: ErrorThreshold::default(),
            });
        };
        let (mut inner, mut found) = (Fields::new(map), DefinitionErrors::default());
        let (line, args) = (inner.get("handler").is_some(), inner.get("args").is_some());
        let program = match (line, args) {
            (true, false) => program(&mut inner, "handler", &mut found),
            (false, true) => list(&mut inner, "args", &mut found)
                .and_then(|args| direct(&args, "args", &mut found)),
            (true, true) => {
                let (first, second) = ("handler".to_owned(), "args".to_owned());
                found.push(DefinitionError::Together { first, second });
                None
            }
            (false, false) => {
                let remedy = "the program for errors; give it as the list `args`, or as a shell command in `handler`";
                found.push(DefinitionError::missing("args", remedy));
                None
            }
        };
        let after = threshold(&mut inner, &mut found);
        inner.refuse_unread(&mut found);
        for error in found.iter() {
            errors.push(error.clone().within(NAME));
        }
        Some(Self {
            program: program?,
            after: after.unwrap_or_default(),
        })
    }
}

/// Reads `after`: a duration, or a number of failures.
fn threshold(fields: &mut Fields<'_>, errors: &mut DefinitionErrors) -> Option<ErrorThreshold> {
    const WHAT: &str = "it must be a duration (`30s`, `5m`), or a number of failures of at least 1";
    let given = match fields.get("after")? {
        Value::String(text) => parse_duration(text).map(ErrorThreshold::Lasting),
        Value::Number(number) => number
            .as_u64()
            .and_then(|times| u32::try_from(times).ok())
            .filter(|times| *times > 0)
            .map(ErrorThreshold::Times),
        _ => None,
    };
    if given.is_none() {
        errors.push(DefinitionError::unusable("after", WHAT));
    }
    given
}
