//! [`Nearest`]: the nearest key at or above a path, and the field of its JSON that the rest of the path names.

use serde_json::Value;

use super::{error::KvError, pair::KvPair, value::KvValue};

/// The result of [`get_nearest`](super::KvStore::get_nearest).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Nearest {
    /// The key that was found.
    pub pair: KvPair,
    /// The rest of the path, looked up inside the JSON of its value; empty when the path is the key.
    pub field: String,
    /// The value at the path.
    pub value: KvValue,
}

impl Nearest {
    /// Makes the result for the key itself, or for `field` inside its value.
    pub(super) fn new(pair: KvPair, field: Option<&str>) -> Result<Self, KvError> {
        let Some(field) = field else {
            return Ok(Self {
                value: pair.to_value(),
                pair,
                field: String::new(),
            });
        };
        let bytes = pair.value.as_deref().unwrap_or_default();
        let json = serde_json::from_slice(bytes).map_err(|source| KvError::NotJson {
            key: pair.key.clone(),
            field: field.to_owned(),
            source,
        })?;
        let found = lookup(json, field).map_err(|missing| KvError::FieldNotFound {
            key: pair.key.clone(),
            field: missing.to_owned(),
        })?;
        let value = KvValue::of_field(format!("{}#{field}", pair.key), found);
        Ok(Self {
            pair,
            field: field.to_owned(),
            value,
        })
    }
}

/// A key at or above a path, and the rest of the path: the field, unless the path is the key.
pub(super) type Candidate<'a> = (&'a str, Option<&'a str>);

/// Returns all keys at or above `key`, the longest first, but none within the first `prefix` bytes, which are the
/// folder of all keys.
pub(super) fn candidates(key: &str, prefix: usize) -> Vec<Candidate<'_>> {
    let above = key.rmatch_indices('/').filter(|(at, _)| *at > prefix);
    std::iter::once((key, None))
        .chain(above.map(|(at, _)| (&key[..at], Some(&key[at + 1..]))))
        .collect()
}

/// Returns the field at the path, or the path up to the part that is missing.
fn lookup(mut json: Value, path: &str) -> Result<Value, &str> {
    let mut end = 0;
    for part in path.split('/') {
        end += part.len();
        let next = match json {
            Value::Object(mut fields) => fields.remove(part),
            Value::Array(mut items) => position(part)
                .filter(|at| *at < items.len())
                .map(|at| items.swap_remove(at)),
            _ => None,
        };
        json = next.ok_or(&path[..end])?;
        end += 1;
    }
    Ok(json)
}

/// Reads an index in its usual form: `0`, `12`; not `+1` and not `01`.
fn position(part: &str) -> Option<usize> {
    let plain =
        part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
    if plain { part.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn pair(key: &str, value: &'static str) -> KvPair {
        KvPair {
            lock_index: 0,
            key: key.to_owned(),
            flags: 0,
            value: Some(Bytes::from_static(value.as_bytes())),
            session: None,
            create_index: 1,
            modify_index: 1,
            ..KvPair::default()
        }
    }

    #[test]
    fn candidates_go_from_the_longest_up() {
        assert_eq!(
            candidates("a/b/c", 0),
            [("a/b/c", None), ("a/b", Some("c")), ("a", Some("b/c"))]
        );
        assert_eq!(candidates("a", 0), [("a", None)]);
        assert_eq!(
            candidates("kv/a/b", 3),
            [("kv/a/b", None), ("kv/a", Some("b"))]
        );
        assert_eq!(
            candidates("a//b", 0),
            [("a//b", None), ("a/", Some("b")), ("a", Some("/b"))]
        );
        assert_eq!(candidates("/a", 0), [("/a", None)]);
    }

    #[test]
    fn the_rest_of_the_path_is_looked_up_in_the_json() {
        let app = pair("app", r#"{"db":{"hosts":["one","two"],"port":5432}}"#);
        let at = |field| Nearest::new(app.clone(), Some(field));
        let host = at("db/hosts/1").expect("a host");
        assert_eq!(
            (host.value.as_str().expect("text"), host.value.key()),
            ("two", "app#db/hosts/1")
        );
        assert_eq!(
            at("db/port")
                .expect("a port")
                .value
                .as_u64()
                .expect("a number"),
            5432
        );
        assert_eq!(
            at("db")
                .expect("an object")
                .value
                .scan::<Value>()
                .expect("JSON")["port"],
            json!(5432)
        );
        for (field, missing) in [
            ("db/user/x", "db/user"),
            ("db/hosts/2", "db/hosts/2"),
            ("db/hosts/01", "db/hosts/01"),
            ("db/hosts/+1", "db/hosts/+1"),
            ("db/port/x", "db/port/x"),
            ("", ""),
        ] {
            let error = at(field).expect_err(field);
            assert!(
                matches!(&error, KvError::FieldNotFound { field, .. } if field == missing),
                "{error}"
            );
            assert!(error.is_not_found());
        }
    }

    #[test]
    fn the_key_itself_is_its_value_json_or_not() {
        let found = Nearest::new(pair("a", "plain"), None).expect("the key");
        assert_eq!(
            (found.value.as_str().expect("text"), found.field.as_str()),
            ("plain", "")
        );
        let error = Nearest::new(pair("a", "plain"), Some("b")).expect_err("no JSON");
        assert!(matches!(error, KvError::NotJson { .. }), "{error}");
    }

    proptest! {
        #[test]
        fn candidates_make_up_the_key_again(key in "[a-c/]{1,12}", prefix in 0_usize..4) {
            for (candidate, rest) in candidates(&key, prefix) {
                match rest {
                    None => prop_assert_eq!(candidate, &key),
                    Some(rest) => {
                        prop_assert!(candidate.len() > prefix);
                        prop_assert_eq!(format!("{candidate}/{rest}"), key.clone());
                    }
                }
            }
        }
    }
}
