//! The field `concurrency`: what becomes of states that arrive while a script runs.

use serde_json::Value;

use crate::definition::{DefinitionError, DefinitionErrors, Fields, nearest};

/// `concurrency`: `"one"`, `{ queue = n }` or `{ parallel = n }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Concurrency {
    /// One run at a time. States that arrive meanwhile are coalesced: only the latest is handled.
    #[default]
    One,
    /// One run at a time. Up to this many states wait, each for its own run.
    Queue(usize),
    /// Up to this many runs at a time.
    Parallel(usize),
}

impl Concurrency {
    pub(super) fn read(fields: &mut Fields<'_>, errors: &mut DefinitionErrors) -> Option<Self> {
        const NAME: &str = "concurrency";
        const WHAT: &str = "\"one\", { queue = 10 } or { parallel = 4 }";
        let value = fields.get(NAME)?;
        let map = match value {
            Value::String(text) if text == "one" => return Some(Self::One),
            Value::Object(map) => map,
            other => {
                errors.push(match other {
                    Value::String(_) => {
                        DefinitionError::unusable(NAME, format!("it must be {WHAT}"))
                    }
                    other => DefinitionError::wrong_type(NAME, WHAT, other),
                });
                return None;
            }
        };
        let mut entries = map.iter();
        let (Some((name, number)), None) = (entries.next(), entries.next()) else {
            errors.push(DefinitionError::unusable(
                NAME,
                format!("it must be {WHAT}"),
            ));
            return None;
        };
        let field = format!("{NAME}.{name}");
        let count = number
            .as_u64()
            .and_then(|count| usize::try_from(count).ok())
            .filter(|count| *count > 0);
        match (name.as_str(), count) {
            ("queue", Some(count)) => Some(Self::Queue(count)),
            ("parallel", Some(count)) => Some(Self::Parallel(count)),
            ("queue" | "parallel", None) => {
                errors.push(DefinitionError::unusable(
                    field,
                    "it must be a whole number of at least 1",
                ));
                None
            }
            (other, _) => {
                errors.push(DefinitionError::Unknown {
                    field,
                    allowed: "queue, parallel".to_owned(),
                    nearest: nearest(other, ["queue", "parallel"]),
                });
                None
            }
        }
    }
}
