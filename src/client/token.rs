//! [`Token`]: the ACL token of a client, read again from its file when Consul denies it.

use std::{cell::RefCell, io, path::Path};

use super::{
    config::ConsulConfig,
    config_error::ConfigError,
    regular_file::{MAX_SECRET, UnreadableFile, read_regular_file},
    secret::Secret,
    validate::check_token,
};

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
        Some(path) => of_file(path).map(Some),
    }
}

fn of_file(path: &Path) -> Result<Secret, ConfigError> {
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
    let token = Secret::from(text.trim());
    if token.is_empty() {
        return Err(ConfigError::EmptyTokenFile {
            path: path.to_owned(),
        });
    }
    check_token(&token)?;
    Ok(token)
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
