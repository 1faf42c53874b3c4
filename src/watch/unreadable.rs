//! Entries of a list that cannot be read.
//!
//! # Invariants
//!
//! - An entry that cannot be read keeps its last good value, or is left out if it is new. All others count.
//! - If not even the identity of an entry can be read, any entry that the list lacks may be it, so all stay.
//! - A body that is no list, and a list of which no entry can be read, is an error.
//! - One warning names the entry. It shows no value, since values are often secret.

use std::{borrow::Cow, fmt, sync::Arc};

use consul_watch_actors::{Item, WatchPath};
use serde::{
    Deserializer as _,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{catalog_item::missing, hidden::shown, identified::Identified};
use crate::client::{ClientError, ConsulClient, QueryAnswer};

/// The number of entries whose names are kept, and the longest of these names in characters.
const MAX_NAMES: usize = 64;
const MAX_NAME: usize = 200;

/// A list, and what could not be read of it.
pub(super) struct Readable<T> {
    pub(super) list: Vec<Arc<T>>,
    pub(super) unreadable: Unreadable,
}

impl<T> Readable<T> {
    /// Returns a list of which all could be read.
    pub(super) fn all(list: Vec<Arc<T>>) -> Self {
        Self {
            list,
            unreadable: Unreadable::default(),
        }
    }
}

/// The entries of a list that could not be read.
#[derive(Default)]
pub(super) struct Unreadable {
    count: usize,
    names: Vec<String>,
    reason: Option<ClientError>,
}

impl Unreadable {
    /// Logs the entries that the last answer to this watch shows and that could not be read, each once.
    pub(super) fn report(&self, client: &ConsulClient, path: &WatchPath) {
        let log = client.unreadable_entries();
        if self.count == 0 {
            if !log.is_empty() && log.forget(&path.to_string()) {
                tracing::info!(%path, "all entries can be read again, or are gone");
            }
            return;
        }
        let new = log.remember(&path.to_string(), &self.names);
        if new.is_empty() {
            return;
        }
        let reason = match &self.reason {
            Some(ClientError::Decode { path, source, .. }) => format!("{path}: {source}"),
            Some(error) => error.to_string(),
            None => String::new(),
        };
        tracing::warn!(
            %path,
            entries = shown(&new),
            count = self.count,
            reason,
            "these entries cannot be read: their last values stay, or they are left out if they are new; register \
             them again, or report the reason if a newer Consul writes such entries"
        );
    }
}

/// Reads a list whose entries `T` decodes, or `null`.
pub(super) fn read_list<T: Identified>(
    answer: &QueryAnswer,
    known: &[Arc<T>],
) -> Result<Readable<T>, ClientError> {
    let error = match answer.json::<Option<Vec<T>>>() {
        Ok(list) => {
            let list = list.unwrap_or_default();
            return Ok(Readable::all(list.into_iter().map(Arc::new).collect()));
        }
        Err(error) => error,
    };
    read_rest(answer, known, error, |_| true)
}

/// Reads those entries of a list that can be read; `error` says why not all can. An unreadable one that `keep` does
/// not match is ignored.
pub(super) fn read_rest<T: Identified>(
    answer: &QueryAnswer,
    known: &[Arc<T>],
    error: ClientError,
    keep: impl Fn(&T) -> bool,
) -> Result<Readable<T>, ClientError> {
    let mut reading = Reading::new(known);
    let is_list = each_entry(&answer.body, &mut |json| {
        let decoded = answer.part(json);
        let identified = if decoded.is_err() {
            T::identified(json)
        } else {
            None
        };
        if identified.as_ref().is_none_or(&keep) {
            reading.add(decoded, || {
                identified.map(|entry| (entry.name().into_owned(), entry))
            });
        }
    });
    reading.end(&is_list, error)
}

/// Reads those fields of an object that can be read, each of them an entry that `decode` makes of its name and its
/// JSON; `error` says why not all can.
pub(super) fn read_fields<T: Item>(
    answer: &QueryAnswer,
    known: &[Arc<T>],
    error: ClientError,
    decode: impl Fn(&str, &str) -> Result<T, ClientError>,
    identified: impl Fn(&str) -> T,
) -> Result<Readable<T>, ClientError> {
    let mut reading = Reading::new(known);
    let is_object = each_field(&answer.body, &mut |name, json| {
        reading.add(decode(name, json), || {
            Some((name.to_owned(), identified(name)))
        });
    });
    reading.end(&is_object, error)
}

/// A list that is read entry by entry.
struct Reading<'a, T> {
    known: &'a [Arc<T>],
    /// The known entries by their identities, as soon as one cannot be read.
    by_id: Option<Vec<&'a Arc<T>>>,
    list: Vec<Arc<T>>,
    has_good: bool,
    has_unidentified: bool,
    unreadable: Unreadable,
}

impl<'a, T: Item> Reading<'a, T> {
    fn new(known: &'a [Arc<T>]) -> Self {
        Self {
            known,
            by_id: None,
            list: Vec::with_capacity(known.len()),
            has_good: false,
            has_unidentified: false,
            unreadable: Unreadable::default(),
        }
    }

    fn add(
        &mut self,
        decoded: Result<T, ClientError>,
        identified: impl FnOnce() -> Option<(String, T)>,
    ) {
        let error = match decoded {
            Ok(entry) => {
                self.has_good = true;
                return self.list.push(Arc::new(entry));
            }
            Err(error) => error,
        };
        let name = if let Some((name, entry)) = identified() {
            let old = self.known(&entry).map(Arc::clone);
            self.list.extend(old);
            name
        } else {
            self.has_unidentified = true;
            "an entry without a name".to_owned()
        };
        let unreadable = &mut self.unreadable;
        unreadable.count += 1;
        if unreadable.names.len() < MAX_NAMES {
            unreadable.names.push(name.chars().take(MAX_NAME).collect());
        }
        unreadable.reason.get_or_insert(error);
    }

    fn known(&mut self, entry: &T) -> Option<&'a Arc<T>> {
        let known = self.known;
        let by_id = self.by_id.get_or_insert_with(|| {
            let mut sorted: Vec<_> = known.iter().collect();
            sorted.sort_by(|a, b| a.id().cmp(&b.id()));
            sorted
        });
        let found = by_id.binary_search_by(|old| old.id().cmp(&entry.id()));
        found.ok().map(|at| by_id[at])
    }

    fn end(
        mut self,
        read: &serde_json::Result<()>,
        error: ClientError,
    ) -> Result<Readable<T>, ClientError> {
        if read.is_err() || !self.has_good {
            return Err(error);
        }
        if self.has_unidentified {
            let lacking = missing(self.known, &self.list);
            let kept = lacking.into_iter().map(|at| Arc::clone(&self.known[at]));
            self.list.extend(kept);
        }
        Ok(Readable {
            list: self.list,
            unreadable: self.unreadable,
        })
    }
}

/// Calls `entry` with the JSON of each entry of a list.
fn each_entry(body: &[u8], entry: &mut dyn FnMut(&str)) -> serde_json::Result<()> {
    struct Entries<'f>(&'f mut dyn FnMut(&str));
    impl<'de> Visitor<'de> for Entries<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
            while let Some(json) = list.next_element::<&RawValue>()? {
                (self.0)(json.get());
            }
            Ok(())
        }
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    reader.deserialize_seq(Entries(entry))?;
    reader.end()
}

/// Calls `field` with the name and the JSON of each field of an object.
fn each_field(body: &[u8], field: &mut dyn FnMut(&str, &str)) -> serde_json::Result<()> {
    struct Fields<'f>(&'f mut dyn FnMut(&str, &str));
    impl<'de> Visitor<'de> for Fields<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some((name, json)) = map.next_entry::<Cow<'_, str>, &RawValue>()? {
                (self.0)(&name, json.get());
            }
            Ok(())
        }
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    reader.deserialize_map(Fields(field))?;
    reader.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lists_and_objects_have_entries() {
        let entries = |body: &str| {
            let mut seen = Vec::new();
            each_entry(body.as_bytes(), &mut |json| seen.push(json.to_owned())).map(|()| seen)
        };
        assert_eq!(entries(r#"[{"a":1}, 2]"#).unwrap(), [r#"{"a":1}"#, "2"]);
        for body in ["{}", "[1", "[1] 2", "\"a\"", ""] {
            assert!(entries(body).is_err(), "{body}");
        }
        let mut seen = Vec::new();
        let mut note = |name: &str, json: &str| seen.push(format!("{name}={json}"));
        each_field(br#"{"\u0061":[1],"b":2}"#, &mut note).unwrap();
        assert!(each_field(b"[]", &mut note).is_err());
        assert_eq!(seen, ["a=[1]", "b=2"]);
    }
}
