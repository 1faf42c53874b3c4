//! Deserializer for the text of one key.

use std::str::FromStr;

use serde::{
    Deserializer,
    de::{IntoDeserializer, Visitor, value::MapDeserializer, value::SeqDeserializer},
};

use super::error::TreeError;
use crate::client::{parse_duration, without_value};

/// The text of a key, or a part of it.
#[derive(Clone, Copy)]
pub(super) struct Leaf<'a> {
    pub(super) key: &'a str,
    pub(super) text: &'a str,
}

impl<'a> Leaf<'a> {
    fn fault(self, reason: impl Into<String>) -> TreeError {
        TreeError {
            key: Some(self.key.to_owned()),
            reason: reason.into(),
        }
    }

    fn parse<T: FromStr>(self, expected: &str) -> Result<T, TreeError> {
        self.text
            .trim()
            .parse()
            .map_err(|_| self.fault(format!("its text is not {expected}")))
    }

    fn is_json(self, open: char) -> bool {
        self.text.trim_start().starts_with(open)
    }

    /// Deserializes the text as JSON; errors name this key.
    fn json<T>(
        self,
        read: impl FnOnce(
            &mut serde_json::Deserializer<serde_json::de::StrRead<'a>>,
        ) -> serde_json::Result<T>,
    ) -> Result<T, TreeError> {
        let mut reader = serde_json::Deserializer::from_str(self.text);
        read(&mut reader)
            .and_then(|value| reader.end().map(|()| value))
            .map_err(|error| {
                self.fault(format!(
                    "its JSON does not fit: {}",
                    without_value(&error.to_string())
                ))
            })
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $expected:literal),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
            visitor.$visit(self.parse($expected)?)
        })*
    };
}

impl<'de> Deserializer<'de> for Leaf<'de> {
    type Error = TreeError;

    numbers! {
        deserialize_i8 visit_i8 "a whole number from -128 to 127",
        deserialize_i16 visit_i16 "a whole number from -32768 to 32767",
        deserialize_i32 visit_i32 "a whole number of 32 bits",
        deserialize_i64 visit_i64 "a whole number of 64 bits",
        deserialize_i128 visit_i128 "a whole number of 128 bits",
        deserialize_u8 visit_u8 "a whole number from 0 to 255",
        deserialize_u16 visit_u16 "a whole number from 0 to 65535",
        deserialize_u32 visit_u32 "a whole number of 32 bits, not below 0",
        deserialize_u64 visit_u64 "a whole number of 64 bits, not below 0",
        deserialize_u128 visit_u128 "a whole number of 128 bits, not below 0",
        deserialize_f32 visit_f32 "a number",
        deserialize_f64 visit_f64 "a number",
        deserialize_char visit_char "a single character",
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match self.text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => visitor.visit_bool(true),
            "false" | "0" | "no" | "off" => visitor.visit_bool(false),
            _ => Err(self.fault("its text has to be one of true, false, 1, 0, yes, no, on, off")),
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_borrowed_str(self.text)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_borrowed_bytes(self.text.as_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_borrowed_bytes(self.text.as_bytes())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        if self.is_json('[') {
            return self.json(|reader| reader.deserialize_seq(visitor));
        }
        let parts = self
            .text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        let parts = parts.map(|text| {
            Part(Leaf {
                key: self.key,
                text,
            })
        });
        visitor.visit_seq(SeqDeserializer::new(parts))
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

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        if !self.is_json('{') {
            return Err(self.fault(
                "a struct is wanted: write a JSON object, or put its fields in keys beneath it",
            ));
        }
        self.json(|reader| reader.deserialize_map(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        // The one struct of the standard library that has a text form.
        if name == "Duration" && fields == ["secs", "nanos"] && !self.is_json('{') {
            let duration = parse_duration(self.text.trim())
                .ok_or_else(|| self.fault("its text is not a duration such as `1m30s`"))?;
            let parts = [
                ("secs", duration.as_secs()),
                ("nanos", u64::from(duration.subsec_nanos())),
            ];
            return visitor.visit_map(MapDeserializer::new(parts.into_iter()));
        }
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        if self.is_json('{') {
            return self.json(|reader| reader.deserialize_enum(name, variants, visitor));
        }
        let text = self.text.trim();
        if !variants.is_empty() && !variants.contains(&text) {
            return Err(self.fault(format!("its text is none of {}", variants.join(", "))));
        }
        visitor.visit_enum(text.into_deserializer())
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { str string identifier ignored_any }
}

/// Deserializer for one entry of a comma-separated list.
struct Part<'a>(Leaf<'a>);

impl<'de> IntoDeserializer<'de, TreeError> for Part<'de> {
    type Deserializer = Leaf<'de>;

    fn into_deserializer(self) -> Leaf<'de> {
        self.0
    }
}
