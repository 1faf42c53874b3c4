//! [`Token`]: the ACL token of a client, read again from its file when Consul denies it.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex, PoisonError},
};

use super::{
    config::ConsulConfig,
    config_error::ConfigError,
    regular_file::{MAX_SECRET, UnreadableFile, read_regular_file},
    secret::Secret,
    validate::check_token,
};

/// The last token of each file of this process: a file that is being written is empty for a moment, and a request
/// without a token may see less than what there is.
static LAST: LazyLock<Mutex<BTreeMap<PathBuf, Secret>>> = LazyLock::new(Mutex::default);

/// The token in use.
pub(super) struct Token(RefCell<Option<Secret>>);

impl Token {
    /// Reads the token of the configuration.
    pub(super) fn of(config: &ConsulConfig) -> Result<Self, ConfigError> {
        read(config).map(|token| Self(RefCell::new(token)))
    }

    pub(super) fn current(&self) -> Option<Secret> {
        self.0.borrow().clone()
    }

    /// Reads the file again, if there is one; on an error the token stays.
    pub(super) fn reload(&self, config: &ConsulConfig) -> Result<bool, ConfigError> {
        let token = read(config)?;
        let changed = *self.0.borrow() != token;
        *self.0.borrow_mut() = token;
        Ok(changed)
    }

    /// Returns, after a denial of a request with the token `sent`, whether there is another token by now, in its
    /// file or read from there by another request.
    pub(super) fn another_than(&self, sent: Option<&Secret>, config: &ConsulConfig) -> bool {
        let Some(path) = config.token_file() else {
            return false;
        };
        if let Err(error) = self.reload(config) {
            tracing::warn!(file = %path.display(), %error, "token denied by Consul, and its file cannot be read again");
        }
        self.0.borrow().as_ref() != sent
    }
}

fn read(config: &ConsulConfig) -> Result<Option<Secret>, ConfigError> {
    match config.token_file() {
        None => Ok(config.token().cloned()),
        Some(path) => of_file(path),
    }
}

/// Returns whether a token's file has no token, and this process has read none from it.
pub(super) fn lacks_token(path: &Path) -> bool {
    let last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    !last.contains_key(path) && read_file(path).is_ok_and(|token| token.is_empty())
}

/// Returns the token in a file; the last one that it had if it is empty.
fn of_file(path: &Path) -> Result<Option<Secret>, ConfigError> {
    let token = read_file(path)?;
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if !token.is_empty() {
        check_token(&token)?;
        last.insert(path.to_owned(), token.clone());
        return Ok(Some(token));
    }
    let kept = last.get(path).cloned();
    if kept.is_some() {
        tracing::warn!(
            file = %path.display(),
            "the token file is empty: its last token stays until there is another one; put the token in it"
        );
    }
    Ok(kept)
}

/// Reads the token of a file, without the space around it.
fn read_file(path: &Path) -> Result<Secret, ConfigError> {
    let unreadable = |error| match error {
        UnreadableFile::Special => ConfigError::SpecialTokenFile {
            path: path.to_owned(),
        },
        UnreadableFile::TooLarge => ConfigError::HugeTokenFile {
            path: path.to_owned(),
        },
        UnreadableFile::Io(source) => ConfigError::TokenFile {
            path: path.to_owned(),
            source,
        },
    };
    let content = read_regular_file(path, MAX_SECRET).map_err(unreadable)?;
    let text = std::str::from_utf8(&content)
        .map_err(|error| unreadable(io::Error::new(io::ErrorKind::InvalidData, error).into()))?;
    Ok(Secret::from(text.trim()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn another_token_in_the_file_is_found_once_by_each_request_with_the_old_one() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("token");
        fs::write(&path, "old\n").unwrap();
        let config = ConsulConfig::default().with_token_file(&path);
        let token = Token::of(&config).unwrap();
        let old = token.current();
        assert_eq!(old, Some(Secret::from("old")));
        assert!(!token.another_than(old.as_ref(), &config));
        fs::write(&path, "new").unwrap();
        assert!(token.another_than(old.as_ref(), &config));
        assert!(
            token.another_than(old.as_ref(), &config),
            "another request sent the old one too"
        );
        assert!(!token.another_than(token.current().as_ref(), &config));
        fs::remove_file(&path).unwrap();
        assert!(
            !token.another_than(token.current().as_ref(), &config),
            "the last good one stays"
        );
    }

    #[test]
    fn a_file_without_a_token_keeps_the_last_one() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("token");
        let config = ConsulConfig::default().with_token_file(&path);
        fs::write(&path, "\u{feff} \n").unwrap();
        let token = Token::of(&config).unwrap();
        assert_eq!(token.current(), None);
        assert!(lacks_token(&path));
        fs::write(&path, "\u{feff}first\n").unwrap();
        assert!(token.another_than(None, &config));
        let first = Some(Secret::from("first"));
        assert_eq!(token.current(), first);
        fs::write(&path, "").unwrap();
        assert!(!token.another_than(first.as_ref(), &config) && !lacks_token(&path));
        // A client that is made meanwhile, too.
        assert_eq!(Token::of(&config).unwrap().current(), first);
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let config = ConsulConfig::default().with_token_file("/nonexistent/token");
        let error = Token::of(&config).err().expect("no such file");
        assert!(error.to_string().contains("/nonexistent/token"), "{error}");
    }

    #[test]
    fn without_a_file_there_is_nothing_to_read_again() {
        let config = ConsulConfig::default().with_token("a");
        let token = Token::of(&config).unwrap();
        assert!(!token.another_than(None, &config));
    }
}
