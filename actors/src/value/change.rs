//! One entry that differs between two snapshots.

use std::{fmt, sync::Arc};

/// The change of one entry.
#[derive(Debug)]
#[non_exhaustive]
pub enum Change<I> {
    /// The entry is new.
    Added(Arc<I>),
    /// The entry differs from the one before.
    Updated {
        /// The entry before.
        old: Arc<I>,
        /// The entry now.
        new: Arc<I>,
    },
    /// The entry is gone.
    Removed(Arc<I>),
}

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ChangeKind {
    /// The entry is new.
    Added,
    /// The entry differs from the one before.
    Updated,
    /// The entry is gone.
    Removed,
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Added => "added",
            Self::Updated => "updated",
            Self::Removed => "removed",
        })
    }
}

impl<I> Change<I> {
    /// Returns the kind of the change.
    pub fn kind(&self) -> ChangeKind {
        match self {
            Self::Added(_) => ChangeKind::Added,
            Self::Updated { .. } => ChangeKind::Updated,
            Self::Removed(_) => ChangeKind::Removed,
        }
    }

    /// Returns the entry as it is now, or as it last was if it is gone.
    pub fn item(&self) -> &Arc<I> {
        match self {
            Self::Added(item) | Self::Removed(item) | Self::Updated { new: item, .. } => item,
        }
    }

    /// Returns the entry as it was, unless it is new.
    pub fn old(&self) -> Option<&Arc<I>> {
        match self {
            Self::Added(_) => None,
            Self::Updated { old, .. } | Self::Removed(old) => Some(old),
        }
    }

    /// Returns the entry as it is, unless it is gone.
    #[allow(clippy::new_ret_no_self, reason = "it is the counterpart of `old`")]
    pub fn new(&self) -> Option<&Arc<I>> {
        match self {
            Self::Added(new) | Self::Updated { new, .. } => Some(new),
            Self::Removed(_) => None,
        }
    }
}

impl<I> Clone for Change<I> {
    fn clone(&self) -> Self {
        match self {
            Self::Added(item) => Self::Added(Arc::clone(item)),
            Self::Updated { old, new } => Self::Updated {
                old: Arc::clone(old),
                new: Arc::clone(new),
            },
            Self::Removed(item) => Self::Removed(Arc::clone(item)),
        }
    }
}

/// Prints as `added <item>`, `updated <item>` (as it is now) or `removed <item>`.
impl<I: fmt::Display> fmt::Display for Change<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.item())
    }
}
