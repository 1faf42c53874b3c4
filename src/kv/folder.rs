//! [`Folder`]: what belongs to a path, and what only starts like it.

/// The keys that belong to a path: the key itself, and everything beneath it.
///
/// `test` means the key `test` and all that starts with `test/`, never `test2`, which a prefix of
/// Consul's also means. A path with a slash at its end means only what starts with it; the empty path,
/// everything.
///
/// ```
/// use consul_watch::kv::Folder;
///
/// let folder = Folder::new("test");
/// assert!(folder.has("test") && folder.has("test/a") && !folder.has("test2"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Folder(String);

impl Folder {
    /// The folder at this full key.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// Whether a full key belongs to it.
    pub fn has(&self, key: &str) -> bool {
        match key.strip_prefix(self.0.as_str()) {
            Some(rest) => self.is_prefix() || rest.is_empty() || rest.starts_with('/'),
            None => false,
        }
    }

    /// The shortest string that all its keys start with: what to ask Consul for.
    pub fn prefix(&self) -> &str {
        &self.0
    }

    /// The key of its own name, if it means one.
    pub fn own_key(&self) -> Option<&str> {
        (!self.is_prefix()).then_some(self.0.as_str())
    }

    /// What all keys beneath it start with.
    pub fn beneath(&self) -> String {
        if self.is_prefix() {
            self.0.clone()
        } else {
            format!("{}/", self.0)
        }
    }

    fn is_prefix(&self) -> bool {
        self.0.is_empty() || self.0.ends_with('/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_a_key_and_what_is_beneath_it() {
        let folder = Folder::new("test");
        for key in ["test", "test/", "test/a", "test//a", "test/a/b"] {
            assert!(folder.has(key), "{key}");
        }
        for key in ["", "tes", "test2", "test2/a", "test-a", "a/test"] {
            assert!(!folder.has(key), "{key}");
        }
        assert_eq!(
            (folder.own_key(), folder.beneath().as_str()),
            (Some("test"), "test/")
        );
    }

    #[test]
    fn with_a_slash_it_is_only_what_is_beneath() {
        let folder = Folder::new("test/");
        assert!(folder.has("test/") && folder.has("test/a") && !folder.has("test"));
        assert_eq!(
            (folder.own_key(), folder.beneath().as_str()),
            (None, "test/")
        );
        assert!(Folder::new("").has("anything"));
    }
}
