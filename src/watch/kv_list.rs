//! Reader for lists of KV pairs that shares unchanged pairs with the previous list.

use std::{borrow::Cow, fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, SeqAccess, Visitor},
};

use super::{
    shared_entries::reuse_unchanged,
    unreadable::{Readable, read_rest},
};
use crate::{
    absence,
    client::{ClientError, Cursor, QueryAnswer},
    kv::KvPair,
    model::Extra,
};

/// Reads lists of pairs against the previous one.
pub(super) struct KvListReader<'a> {
    /// The pairs of the last answer.
    pub(super) previous: &'a [Arc<KvPair>],
    /// Whether equal indexes prove equal content.
    pub(super) indexes_comparable: bool,
    /// Tests whether a key belongs to the watch.
    pub(super) keep: &'a dyn Fn(&str) -> bool,
    /// The keys that the request asks for: any other one shows that it was not answered.
    pub(super) asked: &'a AskedKeys,
}

/// The keys that a request asks for. A watch may keep only some of them.
#[derive(Debug)]
pub(super) enum AskedKeys {
    One(String),
    Prefix(String),
}

impl AskedKeys {
    fn include(&self, key: &str) -> bool {
        match self {
            Self::One(asked) => key == asked,
            Self::Prefix(asked) => key.starts_with(asked.as_str()),
        }
    }

    fn wanted(&self) -> &'static str {
        match self {
            Self::One(_) => "the requested key",
            Self::Prefix(_) => "of the requested prefix",
        }
    }
}

impl KvListReader<'_> {
    /// Returns whether equal indexes prove equal content: only while one server counts on, so not after an
    /// interruption, and not when the index fell.
    pub(super) fn comparable(cursor: &Cursor, answer: &QueryAnswer) -> bool {
        matches!((cursor, answer.index), (Cursor::Index(before), Some(now)) if now >= *before)
    }

    /// Returns the pairs of the answer in Consul's order; an empty list if Consul found none.
    pub(super) fn read(&self, answer: &QueryAnswer) -> Result<Readable<KvPair>, ClientError> {
        if !answer.found {
            return Ok(Readable::all(Vec::new()));
        }
        if let Ok(pairs) = self.parse(&answer.body) {
            return Ok(Readable::all(pairs));
        }
        // Read again by a slower parser that reports the position of the error.
        let mut read = match answer.json::<Vec<Arc<KvPair>>>() {
            Ok(list) => Readable::all(list),
            Err(error) => read_rest(answer, self.previous, error, |pair: &KvPair| {
                (self.keep)(&pair.key)
            })?,
        };
        if read.list.is_empty() {
            return Err(answer.undecodable(absence::of_empty_kv_list().text()));
        }
        if let Some(pair) = read.list.iter().find(|pair| !self.asked.include(&pair.key)) {
            return Err(answer.unrelated(&pair.key, self.asked.wanted()));
        }
        read.list.retain(|pair| (self.keep)(&pair.key));
        read.list.sort_by(|a, b| a.key.cmp(&b.key));
        (read.list, _) = reuse_unchanged(read.list, Some(self.previous));
        Ok(read)
    }

    pub(super) fn parse(&self, body: &[u8]) -> serde_json::Result<Vec<Arc<KvPair>>> {
        // Checked once here, the text is not checked again for each of thousands of strings.
        let text = std::str::from_utf8(body).map_err(serde_json::Error::custom)?;
        let mut reader = serde_json::Deserializer::from_str(text);
        let pairs = self.deserialize(&mut reader)?;
        reader.end()?;
        Ok(pairs)
    }
}

impl<'de> DeserializeSeed<'de> for &KvListReader<'_> {
    type Value = Vec<Arc<KvPair>>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &KvListReader<'_> {
    type Value = Vec<Arc<KvPair>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of KV pairs")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::with_capacity(self.previous.len());
        let mut is_empty = true;
        // Both lists are in the order of the keys, so one pass over the old one finds every partner.
        let mut old = self.previous.iter().peekable();
        while let Some(raw) = list.next_element::<RawPair<'de>>()? {
            is_empty = false;
            if !self.asked.include(&raw.key) {
                return Err(A::Error::custom(self.asked.wanted()));
            }
            if !(self.keep)(&raw.key) {
                continue;
            }
            // Nearly always it is the next one, after one comparison.
            let partner = old.next_if(|pair| *pair.key == *raw.key).or_else(|| {
                while old.next_if(|pair| *pair.key < *raw.key).is_some() {}
                old.next_if(|pair| *pair.key == *raw.key)
            });
            pairs.push(
                raw.shared(partner, self.indexes_comparable)
                    .map_err(A::Error::custom)?,
            );
        }
        if is_empty {
            Err(A::Error::custom(absence::of_empty_kv_list()))
        } else {
            Ok(pairs)
        }
    }
}

/// A pair that borrows from the body.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawPair<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    create_index: u64,
    modify_index: u64,
    lock_index: u64,
    #[serde(default)]
    flags: u64,
    #[serde(borrow, default)]
    value: Option<Text<'a>>,
    #[serde(borrow, default)]
    session: Option<Text<'a>>,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    partition: String,
    #[serde(flatten)]
    extra: Extra,
}

/// A borrowed text. Within an `Option`, a bare `Cow` would always be a copy.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl RawPair<'_> {
    /// Returns the old pair if this one equals it, otherwise a new one.
    fn shared(
        self,
        old: Option<&Arc<KvPair>>,
        indexes_comparable: bool,
    ) -> Result<Arc<KvPair>, base64::DecodeError> {
        match old {
            Some(old)
                if indexes_comparable
                    && old.hidden_since.is_none()
                    && old.modify_index == self.modify_index
                    && old.create_index == self.create_index
                    && old.lock_index == self.lock_index =>
            {
                Ok(Arc::clone(old))
            }
            Some(old) => {
                let new = self.owned()?;
                Ok(if **old == new {
                    Arc::clone(old)
                } else {
                    Arc::new(new)
                })
            }
            None => self.owned().map(Arc::new),
        }
    }

    fn owned(self) -> Result<KvPair, base64::DecodeError> {
        Ok(KvPair {
            key: self.key.into_owned(),
            create_index: self.create_index,
            modify_index: self.modify_index,
            lock_index: self.lock_index,
            flags: self.flags,
            value: self
                .value
                .map(|Text(text)| STANDARD.decode(&*text))
                .transpose()?
                .map(Into::into),
            session: self.session.map(|Text(text)| text.into_owned()),
            namespace: self.namespace,
            partition: self.partition,
            extra: self.extra,
            hidden_since: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(pairs: &[(&str, u64, &str)]) -> String {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(key, index, value)| {
                format!(
                    r#"{{"LockIndex":0,"Key":"{key}","Flags":0,"Value":"{}","CreateIndex":1,"ModifyIndex":{index}}}"#,
                    STANDARD.encode(value)
                )
            })
            .collect();
        format!("[{}]", pairs.join(","))
    }

    fn read(previous: &[Arc<KvPair>], indexes_comparable: bool, text: &str) -> Vec<Arc<KvPair>> {
        KvListReader {
            previous,
            indexes_comparable,
            keep: &|_| true,
            asked: &AskedKeys::Prefix(String::new()),
        }
        .parse(text.as_bytes())
        .unwrap()
    }

    #[test]
    fn unchanged_pairs_are_shared() {
        let old = read(
            &[],
            false,
            &body(&[("a", 1, "x"), ("b", 2, "y"), ("d", 3, "z")]),
        );
        let new = read(
            &old,
            true,
            &body(&[("a", 1, "x"), ("b", 9, "w"), ("c", 9, ""), ("d", 3, "z")]),
        );
        assert!(Arc::ptr_eq(&old[0], &new[0]));
        assert_eq!(new[1].value.as_deref(), Some(&b"w"[..]));
        assert!(
            Arc::ptr_eq(&old[2], &new[3]),
            "a new key in between does not end the sharing"
        );
    }

    #[test]
    fn equal_indexes_prove_nothing_after_an_interruption() {
        let old = read(&[], false, &body(&[("a", 1, "x"), ("b", 2, "y")]));
        let new = read(&old, false, &body(&[("a", 1, "other"), ("b", 2, "y")]));
        assert_eq!(new[0].value.as_deref(), Some(&b"other"[..]));
        assert!(Arc::ptr_eq(&old[1], &new[1]));
    }

    #[test]
    fn texts_are_borrowed_from_the_body() {
        let text = body(&[("a", 1, "x")]).replace("}]", r#","Session":"s"}]"#);
        let pairs: Vec<RawPair<'_>> = serde_json::from_str(&text).unwrap();
        let borrowed = |text: &Option<Text<'_>>| matches!(text, Some(Text(Cow::Borrowed(_))));
        assert!(matches!(pairs[0].key, Cow::Borrowed(_)));
        assert!(borrowed(&pairs[0].value) && borrowed(&pairs[0].session));
    }

    #[test]
    fn keys_that_are_not_watched_are_omitted() {
        let text = body(&[("test", 1, "x"), ("test/a", 1, "y"), ("test2", 1, "z")]);
        let keep = |key: &str| key == "test" || key.starts_with("test/");
        let pairs = KvListReader {
            previous: &[],
            indexes_comparable: false,
            keep: &keep,
            asked: &AskedKeys::Prefix(String::new()),
        }
        .parse(text.as_bytes())
        .unwrap();
        assert_eq!(pairs.len(), 2);
    }

    #[test]
    fn escapes_nulls_and_unknown_fields_are_kept_and_bad_base64_is_refused() {
        let text = r#"[{"LockIndex":0,"Key":"a\"b","Flags":7,"Value":null,"CreateIndex":1,"ModifyIndex":2,"Session":"s","New":[1]}]"#;
        let pairs = read(&[], false, text);
        assert_eq!(
            (&*pairs[0].key, pairs[0].flags, &pairs[0].value),
            ("a\"b", 7, &None)
        );
        assert_eq!(pairs[0].session.as_deref(), Some("s"));
        assert_eq!(pairs[0].extra["New"], serde_json::json!([1]));
        let bad = text.replace("null", "\"***\"");
        assert!(
            KvListReader {
                previous: &[],
                indexes_comparable: false,
                keep: &|_| true,
                asked: &AskedKeys::Prefix(String::new()),
            }
            .parse(bad.as_bytes())
            .is_err()
        );
    }
}
