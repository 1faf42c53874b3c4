//! The block `only`: the changes that a handler gets, by the keys, the tags and the health of the entries.

use std::fmt;

use consul_watch_actors::Change;
use serde_json::Value;

use crate::{
    definition::{Definition, DefinitionError, DefinitionErrors, Fields, WatchType},
    model::CheckStatus,
    watch::glob,
};

/// The name of the block.
const NAME: &str = "only";

/// The types of watches whose entries have keys, tags and a health.
const TYPES: [(&str, &[&str]); 3] = [
    ("keys", &["key", "keyprefix"]),
    ("tags", &["service", "services"]),
    ("transitions", &["service", "checks"]),
];

/// `only`: conditions that a change must meet. Of the values of one condition, any will do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct OnlySpec {
    /// Globs, of which one must match the whole key.
    keys: Vec<String>,
    /// Tags, of which the entry must have, or must have had, one.
    tags: Vec<String>,
    transitions: Vec<TransitionSpec>,
}

/// A change of health.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TransitionSpec {
    from: HealthSpec,
    to: HealthSpec,
}

/// A health before or after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
enum HealthSpec {
    Any,
    /// None: the entry does not exist.
    Absent,
    Is(CheckStatus),
}

impl OnlySpec {
    /// Reads the block of a watch. Without a definition, the type of the watch is unknown.
    pub(super) fn read(
        fields: &mut Fields<'_>,
        definition: Option<&Definition>,
        errors: &mut DefinitionErrors,
    ) -> Option<Self> {
        let map = match fields.get(NAME)? {
            Value::Object(map) => map,
            other => {
                let expected = "a block of keys, tags or transitions";
                errors.push(DefinitionError::wrong_type(NAME, expected, other));
                return None;
            }
        };
        let (mut inner, mut found) = (Fields::new(map), DefinitionErrors::default());
        let kind = definition.map(|definition| definition.watch_type.type_name());
        let mut texts = |name| texts(&mut inner, name, kind, &mut found);
        let (keys, tags, transitions) = (texts("keys"), texts("tags"), texts("transitions"));
        for (at, glob) in given(&keys) {
            let fault = match glob::check(glob) {
                Err(error) => Some(error.to_string()),
                Ok(()) => definition.and_then(|definition| fault(glob, &definition.watch_type)),
            };
            if let Some(fault) = fault {
                found.push(DefinitionError::unusable(format!("keys[{at}]"), fault));
            }
        }
        let transitions: Vec<_> = given(&transitions)
            .filter_map(|(at, text)| {
                TransitionSpec::read(text, &format!("transitions[{at}]"), &mut found)
            })
            .collect();
        inner.refuse_unread(&mut found);
        let has_conditions = !(keys.is_empty() && tags.is_empty() && transitions.is_empty());
        if !has_conditions && found.is_empty() {
            let remedy = "it is empty; give `keys`, `tags` or `transitions`, or remove it";
            errors.push(DefinitionError::unusable(NAME, remedy));
        }
        for error in found.iter() {
            errors.push(error.clone().within(NAME));
        }
        Some(Self {
            keys,
            tags,
            transitions,
        })
    }

    /// Returns whether a change meets all conditions. The entry's key, tags and health are those that these functions
    /// return.
    pub(crate) fn wants<I>(
        &self,
        change: &Change<I>,
        key: impl Fn(&I) -> Option<&str>,
        tags: impl Fn(&I) -> &[String],
        health: impl Fn(&I) -> Option<CheckStatus>,
    ) -> bool {
        let mut sides = [change.old(), change.new()].into_iter().flatten();
        self.has_key(key(change.item()))
            && (self.tags.is_empty() || sides.any(|item| self.has_tag(tags(item))))
            && self.has_transition(
                change.old().and_then(|item| health(item)).as_ref(),
                change.new().and_then(|item| health(item)).as_ref(),
            )
    }

    /// Returns whether changes of an entry with this key and these tags may be wanted.
    pub(crate) fn may_want(&self, key: Option<&str>, tags: &[String]) -> bool {
        self.has_key(key) && (self.tags.is_empty() || self.has_tag(tags))
    }

    /// Returns whether the health of the entries counts.
    pub(crate) fn has_transitions(&self) -> bool {
        !self.transitions.is_empty()
    }

    fn has_key(&self, key: Option<&str>) -> bool {
        let matches = |key: &str| self.keys.iter().any(|glob| glob::matches(glob, key));
        self.keys.is_empty() || key.is_some_and(matches)
    }

    fn has_tag(&self, tags: &[String]) -> bool {
        tags.iter().any(|tag| self.tags.contains(tag))
    }

    fn has_transition(&self, from: Option<&CheckStatus>, to: Option<&CheckStatus>) -> bool {
        let mut wanted = self.transitions.iter();
        self.transitions.is_empty()
            || from != to && wanted.any(|wanted| wanted.from.is(from) && wanted.to.is(to))
    }
}

/// Returns the reason why a glob matches none of the keys that a watch sees.
fn fault(glob: &str, watch: &WatchType) -> Option<String> {
    match watch {
        WatchType::Key { key } if !glob::matches(glob, key) => Some(format!(
            "it does not match `{key}`, the only key of this watch; correct or remove it"
        )),
        WatchType::KeyPrefix { prefix } if !glob::may_match_below(glob, prefix) => Some(format!(
            "it matches no key with the prefix `{prefix}`; write a glob of full keys, such as `{prefix}**`"
        )),
        _ => None,
    }
}

/// Returns the texts that are not empty, with their places.
fn given(texts: &[String]) -> impl Iterator<Item = (usize, &String)> {
    let texts = texts.iter().enumerate();
    texts.filter(|(_, text)| !text.is_empty())
}

/// Reads a list of texts, none of which is empty.
fn texts(
    fields: &mut Fields<'_>,
    name: &'static str,
    kind: Option<&str>,
    errors: &mut DefinitionErrors,
) -> Vec<String> {
    if fields.get(name).is_none() {
        return Vec::new();
    }
    let types = TYPES.iter().find(|(field, _)| *field == name);
    if let (Some(kind), Some((_, types))) = (kind, types)
        && !types.contains(&kind)
    {
        errors.push(DefinitionError::unusable(
            name,
            wrong_type_of_watch(kind, types),
        ));
        return Vec::new();
    }
    let mut found = DefinitionErrors::default();
    let texts = fields.strings(name, &mut found);
    for (at, _) in texts.iter().enumerate().filter(|(_, text)| text.is_empty()) {
        let reason = "it is empty; give a text, or remove it";
        found.push(DefinitionError::unusable(format!("{name}[{at}]"), reason));
    }
    if texts.is_empty() && found.is_empty() {
        let reason =
            "it is empty, and no change would count; give at least one value, or remove it";
        found.push(DefinitionError::unusable(name, reason));
    }
    errors.append(found);
    texts
}

fn wrong_type_of_watch(kind: &str, types: &[&str]) -> String {
    let others: Vec<_> = TYPES
        .iter()
        .filter(|(_, types)| types.contains(&kind))
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    let remedy = if others.is_empty() {
        "remove it".to_owned()
    } else {
        format!("use {}, or remove it", others.join(" or "))
    };
    let types: Vec<_> = types.iter().map(|kind| format!("`{kind}`")).collect();
    format!(
        "it applies to watches of type {}, and this one is of type `{kind}`; {remedy}",
        types.join(" and ")
    )
}

impl TransitionSpec {
    /// Reads `passing -> critical`.
    fn read(text: &str, field: &str, errors: &mut DefinitionErrors) -> Option<Self> {
        let Some((from, to)) = text.split_once("->") else {
            let reason = "it is not a change of health; write `passing -> critical`, with `*` for any health";
            errors.push(DefinitionError::unusable(field, reason));
            return None;
        };
        if to.contains("->") {
            let reason = "it has more than one arrow; give each change of health on its own: `passing -> critical`";
            errors.push(DefinitionError::unusable(field, reason));
            return None;
        }
        let mut health = |text: &str| HealthSpec::read(text.trim(), field, errors);
        let (from, to) = (health(from)?, health(to)?);
        if from == to && from != HealthSpec::Any {
            let reason =
                "both ends are the same, so that it never happens; give two of them, or remove it";
            errors.push(DefinitionError::unusable(field, reason));
            return None;
        }
        Some(Self { from, to })
    }
}

impl HealthSpec {
    const NAMES: [&'static str; 6] = [
        "passing",
        "warning",
        "critical",
        "maintenance",
        "absent",
        "*",
    ];

    fn read(text: &str, field: &str, errors: &mut DefinitionErrors) -> Option<Self> {
        if !Self::NAMES.contains(&text) {
            errors.push(DefinitionError::not_allowed(field, text, &Self::NAMES));
            return None;
        }
        Some(match text {
            "*" => Self::Any,
            "absent" => Self::Absent,
            status => Self::Is(CheckStatus::from(status)),
        })
    }

    fn is(&self, health: Option<&CheckStatus>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => health.is_none(),
            Self::Is(wanted) => health == Some(wanted),
        }
    }
}

impl fmt::Display for HealthSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Absent => f.write_str("absent"),
            Self::Is(health) => health.fmt(f),
        }
    }
}

/// Displays the conditions as a file has them, in one line.
impl fmt::Display for OnlySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transitions: Vec<_> = self
            .transitions
            .iter()
            .map(|TransitionSpec { from, to }| format!("{from} -> {to}"))
            .collect();
        let lists = [
            ("keys", &self.keys),
            ("tags", &self.tags),
            ("transitions", &transitions),
        ];
        let mut between = "";
        for (name, texts) in lists.into_iter().filter(|(_, texts)| !texts.is_empty()) {
            write!(f, "{between}{name} ")?;
            f.debug_list().entries(texts).finish()?;
            between = " ";
        }
        Ok(())
    }
}
