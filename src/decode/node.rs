//! Deserializer for a tree of keys.

use std::collections::BTreeMap;

use serde::{
    Deserializer,
    de::{
        DeserializeSeed, IntoDeserializer, MapAccess, Visitor,
        value::{SeqDeserializer, StrDeserializer},
    },
};

use super::{UnknownFields, error::TreeError, leaf::Leaf, tree::Tree};

/// Deserializes a tree.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) tree: &'a Tree<'a>,
    pub(super) unknown: UnknownFields,
}

impl<'de> Reader<'de> {
    fn map(self, entries: &'de BTreeMap<&'de str, Tree<'de>>) -> Entries<'de> {
        Entries {
            rest: entries.iter(),
            value: None,
            unknown: self.unknown,
        }
    }
}

/// Delegates to the leaf, unless it is a folder.
macro_rules! of_leaf {
    ($($method:ident ( $($argument:ident : $kind:ty),* )),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $kind,)* visitor: V) -> Result<V::Value, TreeError> {
            match self.tree {
                Tree::Leaf { key, text } => Leaf { key, text }.$method($($argument,)* visitor),
                Tree::Folder(_) => self.deserialize_any(visitor),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = TreeError;

    of_leaf! {
        deserialize_bool(), deserialize_char(), deserialize_str(), deserialize_string(),
        deserialize_i8(), deserialize_i16(), deserialize_i32(), deserialize_i64(), deserialize_i128(),
        deserialize_u8(), deserialize_u16(), deserialize_u32(), deserialize_u64(), deserialize_u128(),
        deserialize_f32(), deserialize_f64(), deserialize_bytes(), deserialize_byte_buf(),
        deserialize_unit(), deserialize_identifier(), deserialize_map(),
        deserialize_unit_struct(name: &'static str),
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match self.tree {
            Tree::Leaf { key, text } => Leaf { key, text }.deserialize_any(visitor),
            Tree::Folder(entries) => visitor.visit_map(self.map(entries)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        visitor.visit_newtype_struct(self)
    }

    /// The keys in a folder are the entries of the list, in their order: `hosts/0`, `hosts/1`.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match self.tree {
            Tree::Leaf { key, text } => Leaf { key, text }.deserialize_seq(visitor),
            Tree::Folder(entries) => {
                let mut entries: Vec<_> = entries.iter().collect();
                // Numeric order if all are numbers, so that 10 follows 9.
                if entries.iter().all(|(name, _)| name.parse::<u64>().is_ok()) {
                    entries.sort_by_key(|(name, _)| name.parse::<u64>().ok());
                }
                let unknown = self.unknown;
                visitor.visit_seq(SeqDeserializer::new(
                    entries
                        .into_iter()
                        .map(move |(_, tree)| Element(Reader { tree, unknown })),
                ))
            }
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        match self.tree {
            Tree::Leaf { key, text } => {
                Leaf { key, text }.deserialize_struct(name, fields, visitor)
            }
            Tree::Folder(entries) => {
                if self.unknown == UnknownFields::Deny
                    && let Some(stranger) = entries.keys().find(|key| !fields.contains(key))
                {
                    let reason = format!(
                        "there is no field for the key `{stranger}` in {name}, which has {}",
                        fields.join(", ")
                    );
                    return Err(TreeError { key: None, reason });
                }
                visitor.visit_map(self.map(entries))
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        match self.tree {
            Tree::Leaf { key, text } => {
                Leaf { key, text }.deserialize_enum(name, variants, visitor)
            }
            // The one key in the folder names the variant and holds its content.
            Tree::Folder(entries) => visitor.visit_enum(
                serde::de::value::MapAccessDeserializer::new(self.map(entries)),
            ),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_unit()
    }
}

/// The entries of a folder as entries of a map.
struct Entries<'a> {
    rest: std::collections::btree_map::Iter<'a, &'a str, Tree<'a>>,
    value: Option<Reader<'a>>,
    unknown: UnknownFields,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = TreeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, TreeError> {
        let Some((name, tree)) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some(Reader {
            tree,
            unknown: self.unknown,
        });
        let name: StrDeserializer<'_, TreeError> = (*name).into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, TreeError> {
        let value = self
            .value
            .take()
            .ok_or_else(|| <TreeError as serde::de::Error>::custom("a value before its key"))?;
        seed.deserialize(value)
    }
}

struct Element<'a>(Reader<'a>);

impl<'de> IntoDeserializer<'de, TreeError> for Element<'de> {
    type Deserializer = Reader<'de>;

    fn into_deserializer(self) -> Reader<'de> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use serde::Deserialize;

    use super::super::{DecodeError, from_pairs, tree::tests::pairs};
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct App {
        port: u16,
        #[serde(default)]
        debug: bool,
        #[serde(default = "half")]
        ratio: f64,
        timeout: Option<Duration>,
        #[serde(default)]
        hosts: Vec<String>,
        #[serde(default)]
        limits: HashMap<String, u32>,
        database: Database,
        #[serde(default)]
        mode: Mode,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Database {
        url: String,
        pool: usize,
    }

    #[derive(Debug, Deserialize, PartialEq, Default)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        #[default]
        Fast,
        Safe,
    }

    fn half() -> f64 {
        0.5
    }

    fn app(entries: &[(&str, &str)]) -> Result<App, DecodeError> {
        from_pairs("app/", &pairs(entries), UnknownFields::Ignore)
    }

    const LEAST: [(&str, &str); 3] = [
        ("app/database/pool", "4"),
        ("app/database/url", "pg://"),
        ("app/port", "80"),
    ];

    #[test]
    fn texts_are_read_by_the_type_of_the_field() {
        let mut entries = LEAST.to_vec();
        entries.extend([
            ("app/debug", "on"),
            ("app/hosts/0", "a"),
            ("app/hosts/10", "c"),
            ("app/hosts/9", "b"),
            ("app/limits/x", "1"),
            ("app/limits/y", " 2\n"),
            ("app/mode", "safe"),
            ("app/ratio", "1.5"),
            ("app/timeout", "1m30s"),
        ]);
        let app = app(&entries).unwrap();
        assert_eq!(
            (app.port, app.debug, app.ratio, app.mode),
            (80, true, 1.5, Mode::Safe)
        );
        assert_eq!(app.timeout, Some(Duration::from_secs(90)));
        assert_eq!(app.hosts, ["a", "b", "c"]);
        assert_eq!(app.limits["y"], 2);
    }

    #[test]
    fn missing_keys_are_defaults() {
        let app = app(&LEAST).unwrap();
        assert_eq!(
            (app.debug, app.ratio, app.timeout, app.mode),
            (false, 0.5, None, Mode::Fast)
        );
    }

    #[test]
    fn json_stands_in_for_deeper_keys() {
        let app = app(&[
            ("app/database", r#"{"url": "pg://", "pool": 9}"#),
            ("app/hosts", r#"["x", "y"]"#),
            ("app/limits", r#"{"a": 3}"#),
            ("app/port", "80"),
        ])
        .unwrap();
        assert_eq!(
            (app.database.pool, app.hosts.len(), app.limits["a"]),
            (9, 2, 3)
        );
    }

    #[test]
    fn lists_may_be_comma_separated() {
        let mut entries = LEAST.to_vec();
        entries.push(("app/hosts", "a, b ,c,"));
        assert_eq!(app(&entries).unwrap().hosts, ["a", "b", "c"]);
    }

    #[test]
    fn errors_name_the_key_the_field_and_the_reason() {
        let mut entries = LEAST.to_vec();
        entries[0].1 = "four";
        let DecodeError::Field { key, field, reason } = app(&entries).unwrap_err() else {
            panic!("a field")
        };
        assert_eq!((&*key, &*field), ("app/database/pool", "database.pool"));
        assert!(reason.contains("whole number"), "{reason}");
        assert!(!reason.contains("four"), "the value is not shown: {reason}");

        let error = app(&LEAST[..2]).unwrap_err().to_string();
        assert!(error.contains("missing field `port`"), "{error}");

        let error = app(&[("app/database", "{\"url\": 1}"), ("app/port", "1")])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`app/database`") && error.contains("JSON"),
            "{error}"
        );
    }

    #[test]
    fn unknown_keys_are_ignored_or_denied() {
        let mut entries = LEAST.to_vec();
        entries.push(("app/prot", "1"));
        assert!(app(&entries).is_ok());
        let error = from_pairs::<App>("app/", &pairs(&entries), UnknownFields::Deny)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`prot`") && error.contains("port"),
            "{error}"
        );
    }
}
