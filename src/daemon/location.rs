//! Locations in the configuration files, for error messages.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::text::escaped;

/// The greatest length of a path that is shown, in characters.
const MAX_PATH: usize = 4_096;

/// A configuration file, or one line of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location {
    file: Arc<Path>,
    line: Option<usize>,
}

impl Location {
    /// Creates the location of a whole file.
    pub(crate) fn file(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into().into(),
            line: None,
        }
    }

    /// Returns the location of this line of the same file, counted from 1.
    pub(crate) fn at(&self, line: usize) -> Self {
        Self {
            file: Arc::clone(&self.file),
            line: Some(line),
        }
    }

    /// Returns the path of the file, as it was given or found in its directory.
    pub fn path(&self) -> &Path {
        &self.file
    }

    /// Returns the line, counted from 1; `None` for the file as a whole.
    pub fn line(&self) -> Option<usize> {
        self.line
    }
}

/// Prints as `file:line`, or as `file`.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escaped(&self.file.to_string_lossy(), MAX_PATH))?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}
