//! Errors in the definition of a watch, in terms of command-line options.

use std::fmt;

use consul_watch::definition::{DefinitionError, DefinitionErrors};

/// The errors in the options that define a watch.
#[derive(Debug)]
pub(super) struct OptionErrors(Vec<String>);

impl OptionErrors {
    /// Translates the errors of a definition of this type, if the type was given.
    pub(super) fn new(kind: Option<&str>, errors: &DefinitionErrors) -> Self {
        let wrong_type = errors.iter().any(|error| error.field() == "type");
        let unknown = |error: &&DefinitionError| matches!(error, DefinitionError::Unknown { .. });
        let messages = errors
            .iter()
            // Without a valid type, no other option can be called wrong.
            .filter(|error| !(wrong_type && unknown(error)))
            .map(|error| message(kind, error));
        Self(messages.collect())
    }
}

fn message(kind: Option<&str>, error: &DefinitionError) -> String {
    match (error, kind) {
        (DefinitionError::Unknown { field, .. }, Some(kind)) => {
            format!(
                "`{}` does not apply to `--type={kind}`: remove it",
                option(field)
            )
        }
        (DefinitionError::Together { first, second }, _) => {
            renamed(&renamed(&error.to_string(), first), second)
        }
        _ => renamed(&error.to_string(), error.field()),
    }
}

/// Replaces the first mention of a field by that of its option.
fn renamed(text: &str, field: &str) -> String {
    text.replacen(&format!("`{field}`"), &format!("`{}`", option(field)), 1)
}

fn option(field: &str) -> String {
    format!("--{}", field.replace('_', "-"))
}

impl fmt::Display for OptionErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0[..] {
            [only] => f.write_str(only),
            all => {
                f.write_str("invalid options:")?;
                all.iter().try_for_each(|message| write!(f, "\n{message}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use consul_watch::definition::Definition;
    use serde_json::json;

    use super::*;

    fn message_of(definition: &serde_json::Value) -> String {
        let errors = Definition::from_json(definition).unwrap_err();
        OptionErrors::new(definition["type"].as_str(), &errors).to_string()
    }

    #[test]
    fn errors_name_options() {
        let text = message_of(&json!({ "type": "agent_service" }));
        assert!(text.starts_with("`--service-id` is missing: "), "{text}");
        assert_eq!(
            message_of(&json!({ "type": "key", "key": "a", "filter": "x" })),
            "`--filter` does not apply to `--type=key`: remove it"
        );
        let text = message_of(&json!({ "type": "checks", "service": "a", "state": "any" }));
        assert!(text.starts_with("`--service` and `--state` "), "{text}");
        let text = message_of(&json!({ "type": "key", "prefix": "a" }));
        assert_eq!(text.lines().count(), 3, "{text}");
    }

    #[test]
    fn a_wrong_type_is_the_only_error() {
        let text = message_of(&json!({ "type": "kee", "key": "a" }));
        assert!(text.starts_with("`--type` cannot be `kee`"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}
