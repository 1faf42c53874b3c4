//! What is wrong with a definition.

use std::{error::Error, fmt};

use serde_json::Value;

/// One thing that is wrong with a definition. It names the field, what was found and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionError {
    /// A field that must be there is not.
    #[error("`{field}` is missing: {mend}")]
    Missing {
        /// The field.
        field: String,
        /// What to give.
        mend: String,
    },
    /// A field is of another type.
    #[error("{}must be {expected}, but it is {found}", of(field))]
    WrongType {
        /// The field, with its place in a list: `tag[1]`.
        field: String,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A field's value is not one of those there are.
    #[error("`{field}` cannot be `{found}`{}: it is one of {allowed}", suggestion(nearest.as_deref()))]
    NotAllowed {
        /// The field.
        field: String,
        /// What was found.
        found: String,
        /// What is allowed.
        allowed: String,
        /// The nearest of them.
        nearest: Option<String>,
    },
    /// A field's value is of the right type, and cannot be used.
    #[error("`{field}` cannot be used: {reason}")]
    Unusable {
        /// The field.
        field: String,
        /// Why not.
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
    /// There is no such field here.
    #[error("`{field}` is not a field here{}: there are {allowed}", suggestion(nearest.as_deref()))]
    Unknown {
        /// The field.
        field: String,
        /// What is allowed.
        allowed: String,
        /// The nearest of them.
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

    pub(crate) fn missing(field: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::Missing {
            field: field.into(),
            mend: mend.into(),
        }
    }

    pub(crate) fn unusable(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Unusable {
            field: field.into(),
            reason: reason.into(),
        }
    }

    /// The field it is about.
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
        format!("`{field}` ")
    }
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest
        .map(|name| format!(" (did you mean `{name}`?)"))
        .unwrap_or_default()
}

/// What a value is; not the value, which may be a token.
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

/// The nearest of `names`, if one is near enough to be a slip of the hand.
pub(crate) fn nearest<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let most = (word.chars().count() / 3).max(1);
    names
        .into_iter()
        .map(|name| (strsim::osa_distance(&word.to_lowercase(), name), name))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, name)| name.to_owned())
}

/// All that is wrong with a definition; one a line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DefinitionErrors(Vec<DefinitionError>);

impl DefinitionErrors {
    pub(crate) fn push(&mut self, error: DefinitionError) {
        self.0.push(error);
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
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
