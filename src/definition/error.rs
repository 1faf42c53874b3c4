//! Errors of definitions. None shows a value that may be secret.

use std::{borrow::Cow, error::Error, fmt};

use serde_json::Value;

use crate::text::escaped;

/// One error of a definition. It names the field, the value found and the values allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionError {
    /// A required field is missing.
    #[error("`{field}` is missing: {remedy}")]
    Missing {
        /// The field.
        field: String,
        /// The value to add.
        remedy: String,
    },
    /// A field has the wrong type.
    #[error("{}must be {expected}, but it is {found}", of(field))]
    WrongType {
        /// The field, with its index in a list: `tag[1]`.
        field: String,
        /// The expected type.
        expected: String,
        /// The type found.
        found: String,
    },
    /// The value of a field is not one of the allowed ones.
    #[error("`{}` cannot be `{}`{}: it is one of {allowed}", shown(field), shown(found), suggestion(nearest.as_deref()))]
    NotAllowed {
        /// The field.
        field: String,
        /// The value found.
        found: String,
        /// The allowed values.
        allowed: String,
        /// The nearest allowed value.
        nearest: Option<String>,
    },
    /// The value of a field has the right type but cannot be used.
    #[error("`{}` cannot be used: {}", shown(field), escaped(reason, MAX_REASON))]
    Unusable {
        /// The field.
        field: String,
        /// The reason.
        reason: String,
    },
    /// Two fields exclude each other.
    #[error("`{first}` and `{second}` cannot be given together: leave one of them out")]
    Together {
        /// One field.
        first: String,
        /// The other.
        second: String,
    },
    /// The field does not exist for this type.
    #[error("`{}` is not a field here{}: there are {allowed}", shown(field), suggestion(nearest.as_deref()))]
    Unknown {
        /// The field.
        field: String,
        /// The existing fields.
        allowed: String,
        /// The nearest existing field.
        nearest: Option<String>,
    },
}

impl DefinitionError {
    pub(crate) fn wrong_type(
        field: impl Into<String>,
        expected: impl Into<String>,
        found: &Value,
    ) -> Self {
        Self::WrongType {
            field: field.into(),
            expected: expected.into(),
            found: kind_of(found).to_owned(),
        }
    }

    pub(crate) fn missing(field: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Missing {
            field: field.into(),
            remedy: remedy.into(),
        }
    }

    /// Returns the error of a value that is not among those allowed, with the nearest of them.
    pub(crate) fn not_allowed(field: impl Into<String>, found: &str, allowed: &[&str]) -> Self {
        Self::NotAllowed {
            field: field.into(),
            found: found.to_owned(),
            allowed: allowed.join(", "),
            nearest: nearest(found, allowed.iter().copied()),
        }
    }

    pub(crate) fn unusable(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Unusable {
            field: field.into(),
            reason: reason.into(),
        }
    }

    /// Returns the same error of a field within `part`: `tags[1]` is `only.tags[1]`.
    #[cfg(feature = "cli")]
    pub(crate) fn within(mut self, part: &str) -> Self {
        let put = |field: &mut String| *field = format!("{part}.{field}");
        match &mut self {
            Self::Missing { field, .. }
            | Self::WrongType { field, .. }
            | Self::NotAllowed { field, .. }
            | Self::Unusable { field, .. }
            | Self::Unknown { field, .. } => put(field),
            Self::Together { first, second } => {
                put(first);
                put(second);
            }
        }
        self
    }

    /// Returns the field of the error.
    pub fn field(&self) -> &str {
        match self {
            Self::Missing { field, .. }
            | Self::WrongType { field, .. }
            | Self::NotAllowed { field, .. }
            | Self::Unusable { field, .. }
            | Self::Unknown { field, .. } => field,
            Self::Together { first, .. } => first,
        }
    }
}

fn of(field: &str) -> String {
    if field.is_empty() {
        "this ".to_owned()
    } else {
        format!("`{}` ", shown(field))
    }
}

/// The greatest length of a text of a file in an error, in characters.
const MAX_SHOWN: usize = 200;

/// The greatest length of a reason, which may hold texts of a file too, in characters.
const MAX_REASON: usize = 1_000;

/// Returns a text of a file as an error shows it: in one line and cut.
fn shown(text: &str) -> Cow<'_, str> {
    escaped(text, MAX_SHOWN)
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest
        .map(|name| format!(" (did you mean `{name}`?)"))
        .unwrap_or_default()
}

/// Returns the type of a value. The value itself may be a token.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The length in bytes from which on a text is no name with a typing error.
const MAX_MISTYPED: usize = 100;

/// Returns the nearest of `names`, if it is near enough for a typing error.
pub(crate) fn nearest<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    if word.len() > MAX_MISTYPED {
        return None;
    }
    let most = (word.chars().count() / 3).max(1);
    names
        .into_iter()
        .map(|name| {
            let (word, lower) = (word.to_lowercase(), name.to_lowercase());
            (strsim::osa_distance(&word, &lower), name)
        })
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, name)| name.to_owned())
}

/// All errors of a definition, displayed one per line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DefinitionErrors(Vec<DefinitionError>);

impl DefinitionErrors {
    pub(crate) fn push(&mut self, error: DefinitionError) {
        self.0.push(error);
    }

    /// Adds all errors of another definition, or of a part of this one.
    #[cfg(feature = "cli")]
    pub(crate) fn append(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Returns whether there is no error.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over the errors.
    pub fn iter(&self) -> impl Iterator<Item = &DefinitionError> {
        self.0.iter()
    }
}

impl fmt::Display for DefinitionErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, error) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl Error for DefinitionErrors {}
