//! The name of a watch.

use std::{
    borrow::Cow,
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// The name of a watch: its kind, the name of the thing it watches, and the options that distinguish it from another
/// watch of the same thing.
///
/// It prints as `keyprefix:app/` or, with options, `service:web?passingonly&tag=v1`. A clone shares it.
#[derive(Clone)]
pub struct WatchPath(Arc<Whole>);

/// The path as it prints, and where its parts are in it.
#[derive(Clone)]
struct Whole {
    text: String,
    kind: usize,
    name: usize,
    /// Where the options begin, or the end where there are none.
    options: usize,
}

impl WatchPath {
    /// Makes a path of this kind and name, without options.
    pub fn new(kind: impl Into<Cow<'static, str>>, name: impl Into<String>) -> Self {
        let (before, name) = (kind.into(), name.into());
        let mark = if name.is_empty() { "" } else { ":" };
        let text = [&*before, mark, &*name].concat();
        let (kind, options) = (before.len(), text.len());
        Self(Arc::new(Whole {
            text,
            kind,
            name: kind + mark.len(),
            options,
        }))
    }

    /// Adds an option, which is printed after the name.
    #[must_use]
    pub fn option(mut self, option: impl fmt::Display) -> Self {
        use fmt::Write as _;
        let whole = Arc::make_mut(&mut self.0);
        let separator = if whole.text.len() == whole.options {
            '?'
        } else {
            '&'
        };
        // Writing to a string cannot fail.
        let _ = write!(whole.text, "{separator}{option}");
        self
    }

    /// Returns the kind, as Consul names the type of a watch: `key`, `keyprefix`, `service` …
    pub fn kind(&self) -> &str {
        &self.0.text[..self.0.kind]
    }

    /// Returns the name of the thing that is watched: the key, the prefix, the service's name; empty where a kind has
    /// only one.
    pub fn name(&self) -> &str {
        &self.0.text[self.0.name..self.0.options]
    }

    /// Returns whether `text` is a name of this watch: the name alone, or the whole path as it prints. The name of a
    /// folder may lack its final slash, as `app` does for `app/`.
    pub fn matches_name(&self, text: &str) -> bool {
        let name = self.name();
        name == text || self.0.text == text || name.strip_suffix('/') == Some(text)
    }

    fn parts(&self) -> (&str, &str, &str) {
        (self.kind(), self.name(), &self.0.text[self.0.options..])
    }
}

impl PartialEq for WatchPath {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.parts() == other.parts()
    }
}

impl Eq for WatchPath {}

/// By kind, then by name, then by options.
impl Ord for WatchPath {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl PartialOrd for WatchPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for WatchPath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl fmt::Debug for WatchPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WatchPath({})", self.0.text)
    }
}

impl fmt::Display for WatchPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_kind_name_and_options() {
        assert_eq!(WatchPath::new("services", "").to_string(), "services");
        let path = WatchPath::new("service", "web")
            .option("passingonly")
            .option("tag=v1");
        assert_eq!(path.to_string(), "service:web?passingonly&tag=v1");
    }

    #[test]
    fn is_called_by_name_or_in_full() {
        let path = WatchPath::new("key", "app").option("stale");
        assert!(path.matches_name("app"));
        assert!(path.matches_name("key:app?stale"));
        assert!(!path.matches_name("key:app"));
        assert!(!path.matches_name("ap"));
    }

    #[test]
    fn a_folder_is_called_with_its_slash_or_without() {
        let path = WatchPath::new("keyprefix", "app/").option("decode");
        for name in ["app", "app/", "keyprefix:app/?decode"] {
            assert!(path.matches_name(name), "{name}");
        }
        for name in ["", "ap", "app//", "app/?decode"] {
            assert!(!path.matches_name(name), "{name}");
        }
        // A prefix that is no folder is called as it is.
        let prefix = WatchPath::new("keyprefix", "app");
        assert!(prefix.matches_name("app") && !prefix.matches_name("app/"));
        assert!(WatchPath::new("services", "").matches_name(""));
        assert!(!WatchPath::new("services", "").matches_name("/"));
    }

    #[test]
    fn an_option_more_does_not_reach_the_clone() {
        let plain = WatchPath::new("services", "");
        let more = plain.clone().option("stale");
        assert_eq!(
            (plain.to_string(), more.to_string()),
            ("services".to_owned(), "services?stale".to_owned())
        );
        assert_eq!((more.kind(), more.name()), ("services", ""));
    }

    #[test]
    fn the_order_is_that_of_kinds_then_names() {
        let (short, long) = (
            WatchPath::new("key", "a").option("stale"),
            WatchPath::new("key", "a-b"),
        );
        assert!(short < long, "although `?` is behind `-`");
        assert!(long < WatchPath::new("keyprefix", ""));
        assert_ne!(WatchPath::new("key:a", ""), WatchPath::new("key", "a"));
    }
}
