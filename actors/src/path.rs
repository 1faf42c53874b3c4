//! The name of a watch.

use std::{borrow::Cow, fmt};

/// The name of a watch: what kind it is, what it watches, and the options that tell it from another
/// watch of the same thing.
///
/// It prints as `keyprefix:app/` or, with options, `service:web?passingonly&tag=v1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WatchPath {
    kind: Cow<'static, str>,
    name: String,
    options: String,
}

impl WatchPath {
    /// A path of this kind and name, without options.
    pub fn new(kind: impl Into<Cow<'static, str>>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), name: name.into(), options: String::new() }
    }

    /// Adds an option, which shows after the name.
    #[must_use]
    pub fn option(mut self, option: impl fmt::Display) -> Self {
        use fmt::Write as _;
        let separator = if self.options.is_empty() { "" } else { "&" };
        // Writing to a string cannot fail.
        let _ = write!(self.options, "{separator}{option}");
        self
    }

    /// The kind of watch, as Consul calls its type: `key`, `keyprefix`, `service` …
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What is watched: the key, the prefix, the service's name; empty where a kind has only one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether `text` means this watch: its name alone, or the whole as it prints.
    pub fn is_called(&self, text: &str) -> bool {
        self.name == text || self.to_string() == text
    }
}

impl fmt::Display for WatchPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if !self.name.is_empty() {
            write!(f, ":{}", self.name)?;
        }
        if !self.options.is_empty() {
            write!(f, "?{}", self.options)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_kind_name_and_options() {
        assert_eq!(WatchPath::new("services", "").to_string(), "services");
        let path = WatchPath::new("service", "web").option("passingonly").option("tag=v1");
        assert_eq!(path.to_string(), "service:web?passingonly&tag=v1");
    }

    #[test]
    fn is_called_by_name_or_in_full() {
        let path = WatchPath::new("key", "app").option("stale");
        assert!(path.is_called("app"));
        assert!(path.is_called("key:app?stale"));
        assert!(!path.is_called("key:app"));
        assert!(!path.is_called("ap"));
    }
}
