//! Where something stands in the configuration files.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where something stands in the files.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location {
    file: Arc<Path>,
    line: Option<usize>,
}

impl Location {
    /// A file as a whole.
    pub(crate) fn file(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into().into(),
            line: None,
        }
    }

    /// A line of this file.
    pub(crate) fn at(&self, line: usize) -> Self {
        Self {
            file: Arc::clone(&self.file),
            line: Some(line),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.file
    }

    /// The line, from 1, where it is about one.
    pub fn line(&self) -> Option<usize> {
        self.line
    }
}

/// Prints as `file:line`.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.display().fmt(f)?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}
