//! What is wrong with configuration files.

use std::{error::Error, fmt};

use crate::daemon::location::Location;

/// One thing that is wrong: where, and what. It shows no value that may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigIssue {
    location: Location,
    /// The part of the file: `watches[2]`, `consul`; empty for the file as a whole.
    part: String,
    reason: String,
}

impl ConfigIssue {
    /// About a file, or a place in it.
    pub(crate) fn whole(location: Location, reason: impl Into<String>) -> Self {
        Self {
            location,
            part: String::new(),
            reason: reason.into(),
        }
    }

    /// About a field of this part.
    pub(crate) fn of(part: &str, location: Location, reason: impl Into<String>) -> Self {
        Self {
            location,
            part: part.to_owned(),
            reason: reason.into(),
        }
    }

    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// What is wrong, and what to do about it.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// Prints as `file:line: part: reason`.
impl fmt::Display for ConfigIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.part.is_empty() { "" } else { ": " };
        write!(
            f,
            "{}: {}{separator}{}",
            self.location, self.part, self.reason
        )
    }
}

/// All that is wrong with the files, by file and line; one a line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigErrors(Vec<ConfigIssue>);

impl ConfigErrors {
    pub(crate) fn push(&mut self, issue: ConfigIssue) {
        self.0.push(issue);
    }

    /// Puts them in the order of their places.
    pub(crate) fn sorted(mut self) -> Self {
        self.0.sort_by(|a, b| a.location.cmp(&b.location));
        self
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigIssue> {
        self.0.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, issue) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            issue.fmt(f)?;
        }
        Ok(())
    }
}

impl Error for ConfigErrors {}
