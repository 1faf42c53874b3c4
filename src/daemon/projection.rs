//! [`Projection`]: the fields of an entry that count for a watch (`project`).

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    definition::{DefinitionError, nearest},
    model::{Field, Shape},
};

/// Fields of an entry, found by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Projection(Vec<Path>);

/// The name of a field, and the names that lead to it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Path {
    name: String,
    steps: Vec<String>,
}

impl Projection {
    /// Finds the fields of these names in a shape. The names are those of the field `field` of a file.
    pub(crate) fn new(
        names: &[String],
        shape: &Shape,
        field: &str,
    ) -> Result<Self, Vec<DefinitionError>> {
        let (mut paths, mut errors) = (Vec::new(), Vec::new());
        for (at, name) in names.iter().enumerate() {
            match steps(name, shape) {
                Ok(steps) => paths.push(Path {
                    name: name.clone(),
                    steps,
                }),
                Err(refusal) => {
                    errors.push(refusal.into_error(format!("{field}[{at}]"), name, shape));
                }
            }
        }
        if errors.is_empty() {
            Ok(Self(paths))
        } else {
            Err(errors)
        }
    }

    /// Returns the names, in the order of the file.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|path| path.name.as_str())
    }

    /// Returns the values of these fields, which are equal where the entries do not differ in them.
    pub(crate) fn values<I: Serialize>(
        &self,
        item: &I,
        shape: &Shape,
    ) -> serde_json::Result<Vec<Value>> {
        let json = serde_json::to_value(item)?;
        let paths = self.0.iter();
        Ok(paths.map(|path| pick(&json, shape, &path.steps)).collect())
    }
}

/// The reason why a name is no field that counts.
enum Refusal {
    /// It is not among these fields of the object of this name.
    Unknown {
        object: String,
        fields: &'static [Field],
    },
    /// It leads below a value without fields.
    NoFields {
        value: String,
    },
    Bookkeeping,
    /// A dot is followed by nothing.
    EndsWithDot,
}

/// Returns the steps to a field.
fn steps(name: &str, shape: &Shape) -> Result<Vec<String>, Refusal> {
    if name.ends_with('.') {
        return Err(Refusal::EndsWithDot);
    }
    let (mut steps, mut shape, mut rest) = (Vec::new(), shape, Some(name));
    while let Some(left) = rest {
        let done = &name[..name.len() - left.len()];
        let (step, more, below) = match shape {
            // A list has the fields of its elements.
            Shape::List { of } => {
                shape = of;
                continue;
            }
            Shape::Object { fields } => {
                let (step, more) = first(left);
                let Some(found) = fields.iter().find(|field| field.name == step) else {
                    return Err(Refusal::Unknown {
                        object: done.trim_end_matches('.').to_owned(),
                        fields,
                    });
                };
                if found.is_bookkeeping {
                    return Err(Refusal::Bookkeeping);
                }
                (step, more, found.shape)
            }
            // A name that a user has chosen may have dots, unless its value has fields.
            Shape::Map {
                of: of @ Shape::Object { .. },
            } => {
                let (step, more) = first(left);
                (step, more, *of)
            }
            Shape::Map { of } => (left, None, *of),
            Shape::Value => {
                return Err(Refusal::NoFields {
                    value: done.trim_end_matches('.').to_owned(),
                });
            }
        };
        steps.push(step.to_owned());
        (shape, rest) = (below, more);
    }
    Ok(steps)
}

fn first(name: &str) -> (&str, Option<&str>) {
    match name.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (name, None),
    }
}

impl Refusal {
    fn into_error(self, field: String, name: &str, shape: &Shape) -> DefinitionError {
        match self {
            Self::Unknown { object, fields } => {
                let of = if object.is_empty() {
                    String::new()
                } else {
                    format!(" in `{object}`")
                };
                let fields = fields.iter().filter(|field| !field.is_bookkeeping);
                let fields: Vec<_> = fields.map(|field| field.name).collect();
                DefinitionError::NotAllowed {
                    field,
                    found: name.to_owned(),
                    allowed: format!("{}{of}, or a field below one of them", fields.join(", ")),
                    nearest: similar(name, shape),
                }
            }
            Self::NoFields { value } if value.is_empty() => {
                DefinitionError::unusable(field, "the entries of this type have no fields")
            }
            Self::NoFields { value } => DefinitionError::unusable(
                field,
                format!("`{value}` has no fields; name `{value}` itself"),
            ),
            Self::EndsWithDot => DefinitionError::unusable(
                field,
                format!("`{name}` ends with a dot; name a field after it, or remove the dot"),
            ),
            Self::Bookkeeping => DefinitionError::unusable(
                field,
                format!(
                    "`{name}` only says when something was written, and differs without a change; name what is to \
                     differ, or remove it"
                ),
            ),
        }
    }
}

/// Returns the fields of that name below another one, or else the nearest name.
fn similar(name: &str, shape: &Shape) -> Option<String> {
    let mut known = Vec::new();
    all_names(shape, "", &mut known);
    let below = format!(".{}", name.to_lowercase());
    let same: Vec<&str> = known
        .iter()
        .map(String::as_str)
        .filter(|known| known.to_lowercase().ends_with(&below) && !known.contains('*'))
        .take(3)
        .collect();
    if same.is_empty() {
        nearest(name, known.iter().map(String::as_str))
    } else {
        Some(same.join("` or `"))
    }
}

/// Lists the names of all fields that count, those nearest to the top first.
fn all_names(shape: &Shape, before: &str, names: &mut Vec<String>) {
    match shape {
        Shape::Value => {}
        Shape::List { of } => all_names(of, before, names),
        Shape::Map { of } => {
            names.push(format!("{before}*"));
            all_names(of, &format!("{before}*."), names);
        }
        Shape::Object { fields } => {
            let counted = || fields.iter().filter(|field| !field.is_bookkeeping);
            names.extend(counted().map(|field| format!("{before}{}", field.name)));
            for field in counted() {
                all_names(field.shape, &format!("{before}{}.", field.name), names);
            }
        }
    }
}

/// Returns the value at the end of a path.
fn pick(value: &Value, shape: &Shape, path: &[String]) -> Value {
    let Some((step, rest)) = path.split_first() else {
        return canonical(value, shape);
    };
    let below = value.get(step).unwrap_or(&Value::Null);
    match shape {
        Shape::Object { fields } => match fields.iter().find(|field| field.name == step) {
            Some(field) => pick(below, field.shape, rest),
            None => Value::Null,
        },
        Shape::Map { of } if rest.is_empty() => below_map(below, of),
        Shape::Map { of } => pick(below, of, rest),
        Shape::List { of } => {
            let elements = value.as_array().into_iter().flatten();
            // With its identity, since an element that takes another's place is a difference.
            let picked = elements.map(|element| {
                let identity = identity(of);
                let mut parts: Vec<_> =
                    identity.iter().map(|name| element[*name].clone()).collect();
                parts.push(pick(element, of, path));
                Value::Array(parts)
            });
            sorted(picked.collect(), of)
        }
        Shape::Value => Value::Null,
    }
}

/// Returns a value in one form for all that is equal: without fields that only say when it was written, and with `null`
/// for what is absent, empty or zero.
fn canonical(value: &Value, shape: &Shape) -> Value {
    let canonical = match (value, shape) {
        (Value::Object(map), Shape::Object { fields }) => {
            let counted = map.iter().filter_map(|(name, value)| {
                let Some(field) = fields.iter().find(|field| field.name == name) else {
                    // A field of a newer Consul.
                    return Some((name.clone(), value.clone()));
                };
                let value = canonical(value, field.shape);
                (!field.is_bookkeeping && !value.is_null()).then(|| (name.clone(), value))
            });
            Value::Object(counted.collect())
        }
        (Value::Object(map), Shape::Map { of }) => {
            let entries = map
                .iter()
                .map(|(name, value)| (name.clone(), below_map(value, of)));
            Value::Object(entries.collect())
        }
        (Value::Array(elements), Shape::List { of }) => {
            let elements = elements.iter().map(|element| match of {
                Shape::Value => element.clone(),
                of => canonical(element, of),
            });
            sorted(elements.collect(), of)
        }
        (other, _) => other.clone(),
    };
    if is_nothing(&canonical) {
        Value::Null
    } else {
        canonical
    }
}

/// Returns a value that has a name of a user: an empty one is not the same as none.
fn below_map(value: &Value, of: &Shape) -> Value {
    match (value, of) {
        (Value::Null, _) | (_, Shape::Value) => value.clone(),
        (_, Shape::Object { .. }) => Value::Array(vec![canonical(value, of)]),
        _ => canonical(value, of),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_u64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(map) => Map::is_empty(map),
    }
}

/// Sorts a list whose order does not count: Consul lists checks in any order.
fn sorted(mut elements: Vec<Value>, of: &Shape) -> Value {
    if !identity(of).is_empty() {
        elements.sort_by_cached_key(Value::to_string);
    }
    Value::Array(elements)
}

/// Returns the fields that identify an element of a list whose order does not count.
fn identity(of: &Shape) -> &'static [&'static str] {
    const CHECK: [&str; 5] = ["Node", "CheckID", "Namespace", "Partition", "PeerName"];
    match of {
        Shape::Object { fields } if fields.iter().any(|field| field.name == "CheckID") => &CHECK,
        _ => &[],
    }
}

#[cfg(test)]
mod tests;
