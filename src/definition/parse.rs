//! Parser for the fields of a definition.

use std::borrow::Cow;

use super::{
    Definition, MAX_NAME, WatchType,
    error::{DefinitionError, DefinitionErrors},
    fields::Fields,
};
use crate::{
    client::{Secret, cleaned_key},
    text::escaped,
    watch::fits_url,
};

/// The states of checks that can be queried
/// (<https://developer.hashicorp.com/consul/api-docs/health#list-checks-in-state>).
const STATES: [&str; 4] = ["any", "passing", "warning", "critical"];

impl Definition {
    /// Reads the fields of a watch and leaves all others. Errors are added to `errors`; the result is `None`
    /// if the type or its parameters could not be read.
    pub fn read(fields: &mut Fields<'_>, errors: &mut DefinitionErrors) -> Option<Self> {
        let watch_type = read_watch_type(fields, errors);
        if let Some((field, name)) = watch_type.as_ref().and_then(name_in_url)
            && !fits_url(name)
        {
            let reason = "no URL can contain this name; use the name that is registered in Consul";
            errors.push(DefinitionError::unusable(field, reason));
        }
        let kind = watch_type.as_ref().map(WatchType::type_name);
        let takes = |kinds: &[&str]| kind.is_none_or(|kind| kinds.contains(&kind));
        let mut definition = Definition {
            datacenter: fields.string("datacenter", errors),
            token: fields.string("token", errors).map(Secret::from),
            namespace: fields.string("namespace", errors),
            partition: fields.string("partition", errors),
            body_limit: fields.size("body_limit", errors),
            first_answer_timeout: fields.timeout("first_answer_timeout", errors),
            ..Self::new(WatchType::Services)
        };
        if takes(&["key", "keyprefix", "services", "nodes", "service", "checks"]) {
            definition.stale = fields.boolean("stale", errors).unwrap_or(false);
        }
        if takes(&["services", "nodes", "service", "checks"]) {
            definition.filter = fields.string("filter", errors);
        }
        Some(Definition {
            watch_type: watch_type?,
            ..definition
        })
    }
}

/// Returns the field whose name is part of the path of the request.
fn name_in_url(watch_type: &WatchType) -> Option<(&'static str, &str)> {
    match watch_type {
        WatchType::Service { service, .. }
        | WatchType::ConnectLeaf { service }
        | WatchType::Checks {
            service: Some(service),
            ..
        } => Some(("service", service)),
        WatchType::AgentService { service_id } => Some(("service_id", service_id)),
        _ => None,
    }
}

fn read_watch_type(fields: &mut Fields<'_>, errors: &mut DefinitionErrors) -> Option<WatchType> {
    let types = WatchType::TYPES.join(", ");
    let kind = fields.required(
        "type",
        &format!("say what to watch, one of {types}"),
        errors,
    )?;
    let mut missing = |name: &'static str, what: &str| {
        fields.required(
            name,
            &format!("a watch of type `{kind}` needs {what}"),
            errors,
        )
    };
    Some(match &*kind {
        "key" => WatchType::Key {
            key: cleaned("key", &missing("key", "the name of a single key")?, errors)?,
        },
        "keyprefix" => {
            // The empty prefix matches every key.
            if fields.get("prefix").is_none() {
                errors.push(DefinitionError::missing(
                    "prefix",
                    "a watch of type `keyprefix` needs a single prefix",
                ));
            }
            WatchType::KeyPrefix {
                prefix: cleaned("prefix", &fields.string("prefix", errors)?, errors)?,
            }
        }
        "services" => WatchType::Services,
        "nodes" => WatchType::Nodes,
        "service" => {
            let service = missing("service", "the name of a single service");
            let tags = fields.strings("tag", errors);
            let passing_only = fields.boolean("passingonly", errors).unwrap_or(false);
            WatchType::Service {
                service: service?,
                tags,
                passing_only,
            }
        }
        "checks" => {
            let service = fields
                .string("service", errors)
                .filter(|service| !service.is_empty());
            let state = fields
                .string("state", errors)
                .filter(|state| !state.is_empty());
            if service.is_some() && state.is_some() {
                errors.push(DefinitionError::Together {
                    first: "service".to_owned(),
                    second: "state".to_owned(),
                });
            }
            if let Some(state) = state.as_deref().filter(|state| !STATES.contains(state)) {
                errors.push(DefinitionError::not_allowed("state", state, &STATES));
            }
            WatchType::Checks { service, state }
        }
        "event" => WatchType::Event {
            name: fields
                .string("name", errors)
                .filter(|name| !name.is_empty()),
        },
        "connect_roots" => WatchType::ConnectRoots,
        "connect_leaf" => WatchType::ConnectLeaf {
            service: missing("service", "the name of a single service")?,
        },
        "agent_service" => WatchType::AgentService {
            service_id: missing("service_id", "the id of a single service")?,
        },
        other => {
            errors.push(DefinitionError::not_allowed(
                "type",
                other,
                &WatchType::TYPES,
            ));
            return None;
        }
    })
}

/// Returns the key or prefix for which Consul takes a text.
fn cleaned(field: &'static str, text: &str, errors: &mut DefinitionErrors) -> Option<String> {
    let key = cleaned_key(text).map(Cow::into_owned);
    if key.is_none() {
        errors.push(DefinitionError::unusable(
            field,
            format!(
                "Consul would take `{}` for the whole store, or for another path than one of a key, since a part between \
                 slashes is empty, `.` or `..` (a variable that is not set?); write the {field} itself",
                escaped(text, MAX_NAME)
            ),
        ));
    }
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn errors(json: &Value) -> String {
        Definition::from_json(json).unwrap_err().to_string()
    }

    #[test]
    fn every_type_is_read_and_printed_again() {
        for watch in [
            json!({ "type": "key", "key": "a", "stale": true }),
            json!({ "type": "keyprefix", "prefix": "" }),
            json!({ "type": "services", "filter": "web in ServiceName" }),
            json!({ "type": "nodes", "datacenter": "dc2" }),
            json!({ "type": "service", "service": "web", "tag": "v1", "passingonly": true }),
            json!({ "type": "service", "service": "web", "tag": ["a", "b"], "token": "t" }),
            json!({ "type": "checks" }),
            json!({ "type": "checks", "service": "web" }),
            json!({ "type": "checks", "state": "critical" }),
            json!({ "type": "event", "name": "deploy" }),
            json!({ "type": "connect_roots" }),
            json!({ "type": "connect_leaf", "service": "web", "namespace": "n", "partition": "p" }),
            json!({ "type": "agent_service", "service_id": "web-1" }),
        ] {
            assert_eq!(Definition::from_json(&watch).unwrap().to_json(), watch);
        }
    }

    #[test]
    fn a_missing_field_is_named_with_its_remedy() {
        assert!(
            errors(&json!({}))
                .starts_with("`type` is missing: say what to watch, one of key, keyprefix")
        );
        assert_eq!(
            errors(&json!({ "type": "key" })),
            "`key` is missing: a watch of type `key` needs the name of a single key"
        );
        assert!(errors(&json!({ "type": "service", "service": "" })).contains("it is empty"));
        assert!(errors(&json!({ "type": "keyprefix" })).contains("needs a single prefix"));
    }

    #[test]
    fn an_unknown_type_is_reported_with_the_nearest_one() {
        let text = errors(&json!({ "type": "servics" }));
        assert!(
            text.starts_with("`type` cannot be `servics` (did you mean `service`?)")
                || text.contains("`services`"),
            "{text}"
        );
        assert!(
            errors(&json!({ "type": 7 })).contains("`type` must be a string, but it is a number")
        );
    }

    #[test]
    fn wrong_types_are_named_with_their_index() {
        let text = errors(
            &json!({ "type": "service", "service": "web", "tag": ["a", 1], "passingonly": "yes" }),
        );
        assert_eq!(
            text,
            "`tag[1]` must be a string, but it is a number\n`passingonly` must be true or false, but it is a string"
        );
    }

    #[test]
    fn all_errors_are_reported_at_once_without_the_token() {
        let text = errors(
            &json!({ "type": "checks", "service": "a", "state": "passng", "token": ["s3cret"], "x": 1 }),
        );
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(text.contains("cannot be given together"));
        assert!(text.contains("did you mean `passing`?"));
        assert!(!text.contains("s3cret"));
    }

    #[test]
    fn a_field_of_another_watch_type_is_unknown() {
        let text = errors(&json!({ "type": "key", "key": "a", "filter": "x" }));
        assert!(text.starts_with("`filter` is not a field here"), "{text}");
        let text = errors(&json!({ "type": "key", "key": "a", "datacentre": "x" }));
        assert!(text.contains("did you mean `datacenter`?"), "{text}");
    }

    proptest! {
        #[test]
        fn no_json_makes_it_panic(kind in "[a-z_]{0,12}", name in "[a-z_]{0,10}", value in prop_oneof![
            Just(Value::Null), any::<bool>().prop_map(Value::from), any::<i64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from), Just(json!([1, "a", null])), Just(json!({"a": {}})),
        ]) {
            let _ = Definition::from_json(&value);
            let _ = Definition::from_json(&json!({ "type": kind, name: value }));
        }
    }
}
