//! [`KvValue`]: a value, read as the type that the application expects.

use std::{fmt, time::Duration};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::parse_duration;

/// A value of the KV store, or a field inside one, with typed access.
///
/// Each `as_…` fails with a [`ValueError`] that names the key; its `as_…_or` returns a default for such a value.
/// White space around numbers, booleans and durations is ignored, since values are often written by an editor or
/// `echo`.
///
/// `Debug` shows the key and the length, not the value.
///
/// ```
/// use consul_watch::kv::KvValue;
///
/// let limit = KvValue::new("app/limit", "12\n");
/// assert_eq!(limit.as_u64()?, 12);
/// assert_eq!(limit.as_bool_or(true), true);
/// # Ok::<(), consul_watch::kv::ValueError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct KvValue {
    key: String,
    /// The bytes; for a field, its text if it is a string and else its JSON.
    bytes: Bytes,
    /// The field as it is in the JSON around it.
    field: Option<Value>,
}

/// A value that is not of the expected type. It does not show the value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The value is not of this type.
    #[error(
        "the value of `{key}` is not {expected}; correct the value, or read it as another type"
    )]
    Type {
        /// The key, and the field in it.
        key: String,
        /// The expected type.
        expected: &'static str,
    },
    /// The value is not the expected JSON.
    #[error(
        "the value of `{key}` is not the expected JSON at `{path}` (line {line}, column {column}); correct it"
    )]
    Json {
        /// The key, and the field in it.
        key: String,
        /// The path in the JSON; `.` is the whole.
        path: String,
        /// The line in the value, from 1; 0 inside a field.
        line: usize,
        /// The column in the line, from 1; 0 inside a field.
        column: usize,
        /// The error of the parser, which may show a piece of the value.
        #[source]
        source: serde_json::Error,
    },
}

impl KvValue {
    /// Makes the value of `key`.
    pub fn new(key: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self {
            key: key.into(),
            bytes: bytes.into(),
            field: None,
        }
    }

    pub(crate) fn of_field(key: String, field: Value) -> Self {
        let bytes = match &field {
            Value::String(text) => Bytes::copy_from_slice(text.as_bytes()),
            other => Bytes::from(other.to_string()),
        };
        Self {
            key,
            bytes,
            field: Some(field),
        }
    }

    /// The key of the value; after a `#`, the field inside it.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The bytes as they are stored. For a field: the text of a string, the JSON of anything else.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads text.
    ///
    /// # Errors
    /// [`ValueError::Type`] when it is not UTF-8.
    pub fn as_str(&self) -> Result<&str, ValueError> {
        std::str::from_utf8(&self.bytes).map_err(|_| self.no("UTF-8 text"))
    }

    /// Reads a whole number.
    ///
    /// # Errors
    /// [`ValueError::Type`] when it is none, or does not fit.
    pub fn as_i64(&self) -> Result<i64, ValueError> {
        self.parsed("a whole number of 64 bits")
    }

    /// Reads a whole number that is not negative.
    ///
    /// # Errors
    /// [`ValueError::Type`] when it is none, or does not fit.
    pub fn as_u64(&self) -> Result<u64, ValueError> {
        self.parsed("a whole number of 64 bits, not negative")
    }

    /// Reads a number.
    ///
    /// # Errors
    /// [`ValueError::Type`] when it is none.
    pub fn as_f64(&self) -> Result<f64, ValueError> {
        self.parsed("a number")
    }

    /// Reads a boolean: `true`, `false`, `1`, `0`, `t` or `f`, capitals allowed.
    ///
    /// # Errors
    /// [`ValueError::Type`] for anything else.
    pub fn as_bool(&self) -> Result<bool, ValueError> {
        let text = self.as_str().map(str::trim).unwrap_or_default();
        match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "1" => Ok(true),
            "false" | "f" | "0" => Ok(false),
            _ => Err(self.no("a boolean (true, false, 1, 0, t or f)")),
        }
    }

    /// Reads a duration in Go's notation: `1m30s`, `250ms`.
    ///
    /// # Errors
    /// [`ValueError::Type`] for anything else, a bare number included.
    pub fn as_duration(&self) -> Result<Duration, ValueError> {
        let text = self
            .as_str()
            .ok()
            .and_then(|text| parse_duration(text.trim()));
        text.ok_or_else(|| self.no("a duration such as 1m30s or 250ms"))
    }

    /// Reads JSON, decoded into any type.
    ///
    /// # Errors
    /// [`ValueError::Json`], with the path of the first mismatch.
    pub fn scan<T: DeserializeOwned>(&self) -> Result<T, ValueError> {
        let failed = |path: String, source: serde_json::Error| ValueError::Json {
            key: self.key.clone(),
            path,
            line: source.line(),
            column: source.column(),
            source,
        };
        let place = |error: serde_path_to_error::Error<serde_json::Error>| {
            failed(error.path().to_string(), error.into_inner())
        };
        if let Some(field) = &self.field {
            return serde_path_to_error::deserialize(field).map_err(place);
        }
        let mut reader = serde_json::Deserializer::from_slice(&self.bytes);
        let value = serde_path_to_error::deserialize(&mut reader).map_err(place)?;
        reader
            .end()
            .map_err(|source| failed(".".to_owned(), source))?;
        Ok(value)
    }

    /// Reads text, or returns `default`.
    pub fn as_str_or<'a>(&'a self, default: &'a str) -> &'a str {
        self.as_str().unwrap_or(default)
    }

    /// Returns the bytes, or `default` when there are none.
    pub fn as_bytes_or<'a>(&'a self, default: &'a [u8]) -> &'a [u8] {
        if self.bytes.is_empty() {
            default
        } else {
            &self.bytes
        }
    }

    /// Reads a whole number, or returns `default`.
    pub fn as_i64_or(&self, default: i64) -> i64 {
        self.as_i64().unwrap_or(default)
    }

    /// Reads a whole number that is not negative, or returns `default`.
    pub fn as_u64_or(&self, default: u64) -> u64 {
        self.as_u64().unwrap_or(default)
    }

    /// Reads a number, or returns `default`.
    pub fn as_f64_or(&self, default: f64) -> f64 {
        self.as_f64().unwrap_or(default)
    }

    /// Reads a boolean, or returns `default`.
    pub fn as_bool_or(&self, default: bool) -> bool {
        self.as_bool().unwrap_or(default)
    }

    /// Reads a duration, or returns `default`.
    pub fn as_duration_or(&self, default: Duration) -> Duration {
        self.as_duration().unwrap_or(default)
    }

    /// Reads JSON, or returns `default`.
    pub fn scan_or<T: DeserializeOwned>(&self, default: T) -> T {
        self.scan().unwrap_or(default)
    }

    fn parsed<T: std::str::FromStr>(&self, expected: &'static str) -> Result<T, ValueError> {
        let text = self.as_str().map(str::trim).unwrap_or_default();
        text.parse().map_err(|_| self.no(expected))
    }

    fn no(&self, expected: &'static str) -> ValueError {
        ValueError::Type {
            key: self.key.clone(),
            expected,
        }
    }
}

impl fmt::Debug for KvValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KvValue")
            .field("key", &self.key)
            .field("bytes", &format_args!("{} bytes", self.bytes.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> KvValue {
        KvValue::new("k", text.to_owned())
    }

    #[test]
    fn text_reads_as_each_type() {
        assert_eq!(value(" -12\n").as_i64().expect("i64"), -12);
        assert_eq!(
            value("18446744073709551615").as_u64().expect("u64"),
            u64::MAX
        );
        assert!((value("1.5e3").as_f64().expect("f64") - 1500.0).abs() < f64::EPSILON);
        assert!(value("TRUE").as_bool().expect("bool") && !value("0").as_bool().expect("bool"));
        assert_eq!(
            value("1m30s").as_duration().expect("duration"),
            Duration::from_secs(90)
        );
        assert_eq!(value("\"a\"").as_str().expect("text"), "\"a\"");
        assert_eq!(value("\"a\"").scan::<String>().expect("JSON"), "a");
        assert_eq!(
            value(r#"{"a":[1]}"#).scan::<Value>().expect("JSON"),
            json!({"a": [1]})
        );
    }

    #[test]
    fn what_does_not_fit_names_the_key_and_hides_the_value() {
        let secret = value("hunter2");
        for error in [
            secret.as_i64().expect_err("text"),
            secret.as_u64().expect_err("text"),
            secret.as_f64().expect_err("text"),
            secret.as_bool().expect_err("text"),
            secret.as_duration().expect_err("text"),
            secret.scan::<u64>().expect_err("text"),
        ] {
            let error = error.to_string();
            assert!(
                error.contains("`k`") && !error.contains("hunter2"),
                "{error}"
            );
        }
        assert!(KvValue::new("k", &b"\xff"[..]).as_str().is_err());
        assert!(value("-1").as_u64().is_err() && value("").as_i64().is_err());
        assert!(value("1 2").scan::<u64>().is_err());
        let error = value(r#"{"a":[1,"x"]}"#)
            .scan::<std::collections::HashMap<String, Vec<u8>>>()
            .expect_err("a string");
        assert!(
            matches!(&error, ValueError::Json { path, line: 1, .. } if path == "a[1]"),
            "{error:?}"
        );
    }

    #[test]
    fn each_has_a_default() {
        let bad = value("x");
        assert_eq!((bad.as_i64_or(-1), bad.as_u64_or(1)), (-1, 1));
        assert!(bad.as_bool_or(true) && (bad.as_f64_or(0.5) - 0.5).abs() < f64::EPSILON);
        assert_eq!(bad.as_duration_or(Duration::MAX), Duration::MAX);
        assert_eq!(bad.scan_or(vec![7]), [7]);
        assert_eq!(KvValue::new("k", &b"\xff"[..]).as_str_or("d"), "d");
        assert_eq!(
            (bad.as_str_or("d"), value("").as_bytes_or(b"d")),
            ("x", &b"d"[..])
        );
    }

    #[test]
    fn a_field_reads_as_what_it_is() {
        let text = KvValue::of_field("k#a".into(), json!("8080"));
        assert_eq!(
            (text.as_str().expect("text"), text.as_u64().expect("number")),
            ("8080", 8080)
        );
        assert_eq!(text.scan::<String>().expect("a string"), "8080");
        let list = KvValue::of_field("k#b".into(), json!([1, {"x": true}]));
        assert_eq!(list.as_bytes(), br#"[1,{"x":true}]"#);
        assert_eq!(list.scan::<Vec<Value>>().expect("a list").len(), 2);
    }

    proptest! {
        #[test]
        fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let value = KvValue::new("k", bytes);
            let _ = (value.as_str(), value.as_i64(), value.as_u64(), value.as_f64(), value.as_bool());
            let _ = (value.as_duration(), value.scan::<Value>());
        }

        #[test]
        fn numbers_come_back(number: i64) {
            prop_assert_eq!(value(&number.to_string()).as_i64().ok(), Some(number));
        }
    }
}
