//! Errors of decoding. None shows the value.

use std::fmt;

use serde::de::{self, DeserializeOwned};

use crate::client::without_value;

/// A value that does not fit the application's type. The error does not show the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The text of a field does not fit its type, or the field is missing.
    #[error("`{key}` cannot be used{}: {reason}", in_field(field))]
    Field {
        /// The key.
        key: String,
        /// The field, as a path through the type; empty for the whole.
        field: String,
        /// The reason.
        reason: String,
    },
    /// A key has a value and is a folder of other keys.
    #[error(
        "`{leaf}` has a value and contains `{deeper}`, so it is a text and a folder at once: delete one of them"
    )]
    LeafAndFolder {
        /// The key that has a value.
        leaf: String,
        /// A key in that folder.
        deeper: String,
    },
    /// The value is not UTF-8 text.
    #[error("`{key}` is not UTF-8 text, so no field can be read from it")]
    NotText {
        /// The key.
        key: String,
    },
}

fn in_field(field: &str) -> String {
    if field.is_empty() {
        String::new()
    } else {
        format!(" for the field `{field}`")
    }
}

/// Decodes the JSON of one key.
pub(crate) fn from_json<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, DecodeError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let failed = |field: String, reason: String| DecodeError::Field {
        key: key.to_owned(),
        field,
        reason,
    };
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let field = error.path().to_string();
        failed(
            if field == "." { String::new() } else { field },
            without_value(&error.into_inner().to_string()),
        )
    })?;
    reader
        .end()
        .map_err(|error| failed(String::new(), error.to_string()))?;
    Ok(value)
}

/// An error within a tree of keys whose position is not known yet.
#[derive(Debug)]
pub(super) struct TreeError {
    /// The key, if the error is about one key and not about the field around it.
    pub(super) key: Option<String>,
    pub(super) reason: String,
}

impl TreeError {
    /// Returns the error with its position.
    pub(super) fn at(self, folder: &str, path: &serde_path_to_error::Path) -> DecodeError {
        let field = path.to_string();
        let field = if field == "." { String::new() } else { field };
        let key = self
            .key
            .unwrap_or_else(|| format!("{folder}{}", field.replace('.', "/")));
        DecodeError::Field {
            key,
            field,
            reason: self.reason,
        }
    }
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for TreeError {}

impl de::Error for TreeError {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self {
            key: None,
            reason: without_value(&reason.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_named_and_the_value_is_not_shown() {
        #[derive(serde::Deserialize, Debug)]
        struct Web {
            #[expect(dead_code, reason = "the test only decodes it")]
            port: u16,
        }
        let error = from_json::<Web>("app", br#"{"port": "hunter2, expected"}"#).unwrap_err();
        let DecodeError::Field { key, field, reason } = &error else {
            panic!("a field: {error}")
        };
        assert_eq!((&**key, &**field), ("app", "port"));
        assert!(
            reason.starts_with("invalid type: string, expected u16"),
            "{reason}"
        );
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn text_after_the_json_is_an_error() {
        assert!(from_json::<u8>("app", b"1 2").is_err());
        assert_eq!(from_json::<u8>("app", b" 1\n").unwrap(), 1);
    }
}
