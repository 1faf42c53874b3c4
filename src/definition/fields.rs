//! The fields of a definition, and which of them have been read.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Map, Value};

use super::error::{DefinitionError, DefinitionErrors, nearest};
use crate::client::{parse_duration, parse_size};

/// Reads the fields of an object one by one, and reports those that were not read.
#[derive(Debug)]
pub struct Fields<'a> {
    map: &'a Map<String, Value>,
    known: BTreeSet<&'static str>,
}

impl<'a> Fields<'a> {
    /// Reads the fields of this object.
    pub fn new(map: &'a Map<String, Value>) -> Self {
        Self {
            map,
            known: BTreeSet::new(),
        }
    }

    /// Returns a field. `null` counts as missing.
    pub fn get(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.insert(name);
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// Refuses fields that are given and have a meaning in another place alone.
    pub fn refuse_misplaced(
        &mut self,
        names: &[&'static str],
        reason: &str,
        errors: &mut DefinitionErrors,
    ) {
        for name in names {
            // A field that is not given is none to suggest.
            if self.map.contains_key(*name) && self.get(name).is_some() {
                errors.push(DefinitionError::unusable(*name, reason));
            }
        }
    }

    /// Returns a text field.
    pub fn string(&mut self, name: &'static str, errors: &mut DefinitionErrors) -> Option<String> {
        let value = self.get(name)?;
        let text = value.as_str().map(str::to_owned);
        if text.is_none() {
            errors.push(DefinitionError::wrong_type(name, "a string", value));
        }
        text
    }

    /// Returns a required text field that must not be empty.
    pub fn required(
        &mut self,
        name: &'static str,
        remedy: &str,
        errors: &mut DefinitionErrors,
    ) -> Option<String> {
        if self.get(name).is_none() {
            errors.push(DefinitionError::missing(name, remedy));
            return None;
        }
        let text = self.string(name, errors)?;
        if text.is_empty() {
            errors.push(DefinitionError::unusable(
                name,
                format!("it is empty; {remedy}"),
            ));
            return None;
        }
        Some(text)
    }

    /// Returns a size in bytes: a number, or a text such as `64MiB` (see [`parse_size`]).
    pub fn size(&mut self, name: &'static str, errors: &mut DefinitionErrors) -> Option<usize> {
        const REASON: &str = "it is not a size; write \"64MiB\", \"1GB\", or a number of bytes";
        let size = match self.get(name)? {
            Value::String(text) => parse_size(text),
            Value::Number(number) => number
                .as_u64()
                .and_then(|bytes| usize::try_from(bytes).ok())
                .filter(|bytes| *bytes > 0),
            other => {
                errors.push(DefinitionError::wrong_type(name, "a size", other));
                return None;
            }
        };
        if size.is_none() {
            errors.push(DefinitionError::unusable(name, REASON));
        }
        size
    }

    /// Returns a duration of more than zero, in Go's notation (see [`parse_duration`]).
    pub fn timeout(
        &mut self,
        name: &'static str,
        errors: &mut DefinitionErrors,
    ) -> Option<Duration> {
        const REASON: &str =
            "it is not a duration of more than zero; write `10s`, `1m30s` or `250ms`";
        let text = self.string(name, errors)?;
        let timeout = parse_duration(&text).filter(|timeout| !timeout.is_zero());
        if timeout.is_none() {
            errors.push(DefinitionError::unusable(name, REASON));
        }
        timeout
    }

    /// Returns a boolean field.
    pub fn boolean(&mut self, name: &'static str, errors: &mut DefinitionErrors) -> Option<bool> {
        let value = self.get(name)?;
        if value.as_bool().is_none() {
            errors.push(DefinitionError::wrong_type(name, "true or false", value));
        }
        value.as_bool()
    }

    /// Returns a field that is a text or a list of texts.
    pub fn strings(&mut self, name: &'static str, errors: &mut DefinitionErrors) -> Vec<String> {
        match self.get(name) {
            None => Vec::new(),
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(list)) => list
                .iter()
                .enumerate()
                .filter_map(|(at, entry)| {
                    let text = entry.as_str().map(str::to_owned);
                    if text.is_none() {
                        errors.push(DefinitionError::wrong_type(
                            format!("{name}[{at}]"),
                            "a string",
                            entry,
                        ));
                    }
                    text
                })
                .collect(),
            Some(other) => {
                errors.push(DefinitionError::wrong_type(
                    name,
                    "a string or a list of strings",
                    other,
                ));
                Vec::new()
            }
        }
    }

    /// Adds an error for every field that was not read, with the nearest known field.
    pub fn refuse_unread(&self, errors: &mut DefinitionErrors) {
        for field in self
            .map
            .keys()
            .filter(|field| !self.known.contains(field.as_str()))
        {
            errors.push(DefinitionError::Unknown {
                field: field.clone(),
                allowed: self.known.iter().copied().collect::<Vec<_>>().join(", "),
                nearest: nearest(
                    field,
                    self.known
                        .iter()
                        .copied()
                        .filter(|name| !self.map.contains_key(*name)),
                ),
            });
        }
    }
}
