//! Problems found in configuration files. Their texts never show a value that may be a secret.

use std::{error::Error, fmt};

use crate::daemon::location::Location;

/// One problem in the configuration files: its location, the reason and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigIssue {
    location: Location,
    /// The part of the file, such as `watches[2]` or `consul`; empty for the file as a whole.
    part: String,
    reason: String,
}

impl ConfigIssue {
    /// Creates an issue of a file, or of a line of it.
    pub(crate) fn at(location: Location, reason: impl Into<String>) -> Self {
        Self {
            location,
            part: String::new(),
            reason: reason.into(),
        }
    }

    /// Creates an issue of this part of a file.
    pub(crate) fn in_part(part: &str, location: Location, reason: impl Into<String>) -> Self {
        Self {
            location,
            part: part.to_owned(),
            reason: reason.into(),
        }
    }

    /// Returns the file and, where it is known, the line.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Returns the reason and the remedy, without the location.
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

/// All issues of the configuration files, sorted by location. Prints one per line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigErrors(Vec<ConfigIssue>);

impl ConfigErrors {
    pub(crate) fn push(&mut self, issue: ConfigIssue) {
        self.0.push(issue);
    }

    pub(crate) fn extend(&mut self, issues: impl IntoIterator<Item = ConfigIssue>) {
        self.0.extend(issues);
    }

    /// Sorts the issues by location.
    pub(crate) fn sorted(mut self) -> Self {
        self.0.sort_by(|a, b| a.location.cmp(&b.location));
        self
    }

    /// Returns true if there is no issue.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns an iterator over the issues.
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
