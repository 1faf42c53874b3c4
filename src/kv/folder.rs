//! [`Folder`]: the keys of a path, without those whose names only start alike.

/// The keys that belong to a path: the key itself, and all keys in its folder.
///
/// `test` means the key `test` and all keys that start with `test/`, never `test2`, which a prefix of
/// Consul's also means. A path with a slash at its end means only the keys that start with it; the empty path
/// means all keys.
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
    /// Makes the folder at this full key.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// Returns whether a full key belongs to it.
    pub fn has(&self, key: &str) -> bool {
        match key.strip_prefix(self.0.as_str()) {
            Some(rest) => self.is_prefix() || rest.is_empty() || rest.starts_with('/'),
            None => false,
        }
    }

    /// The longest string that all its keys start with, for the request to Consul.
    pub fn prefix(&self) -> &str {
        &self.0
    }

    /// The key of its own name, if that is part of it.
    pub fn own_key(&self) -> Option<&str> {
        (!self.is_prefix()).then_some(self.0.as_str())
    }

    /// The string that all keys inside it start with, with a slash at its end.
    pub fn as_folder(&self) -> String {
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
    fn a_folder_is_a_key_and_the_keys_inside() {
        let folder = Folder::new("test");
        for key in ["test", "test/", "test/a", "test//a", "test/a/b"] {
            assert!(folder.has(key), "{key}");
        }
        for key in ["", "tes", "test2", "test2/a", "test-a", "a/test"] {
            assert!(!folder.has(key), "{key}");
        }
        assert_eq!(
            (folder.own_key(), folder.as_folder().as_str()),
            (Some("test"), "test/")
        );
    }

    #[test]
    fn with_a_slash_it_is_only_the_keys_inside() {
        let folder = Folder::new("test/");
        assert!(folder.has("test/") && folder.has("test/a") && !folder.has("test"));
        assert_eq!(
            (folder.own_key(), folder.as_folder().as_str()),
            (None, "test/")
        );
        assert!(Folder::new("").has("anything"));
    }
}
