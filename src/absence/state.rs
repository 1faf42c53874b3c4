//! The state of something that an answer lacks.

use std::{error::Error, fmt};

/// The state of something that an answer lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    /// Consul itself says that it does not exist.
    Proven,
    /// It may exist.
    Unproven(Why),
}

impl Absence {
    pub(crate) fn is_proven(self) -> bool {
        self == Self::Proven
    }
}

/// The reason why something that an answer lacks may exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The token may not read it.
    Hidden,
    /// Consul says that it exists: the answer that lacks it is older, or was read with other rights.
    Present,
    /// The token may read it, and a fresh list lacks it: it may have left the list since, or before.
    Readable,
    /// The list of a wider query lacks it. Such a list omits what the token may not read, and may be older.
    WiderList,
    /// The token hides entries of the list, and no other is left.
    Filtered,
    /// A list of keys without a key.
    EmptyKvList,
    /// A body without a byte in it.
    EmptyBody,
    /// An HTML page.
    HtmlPage,
    /// The certificate authority is not set up yet.
    NoRoots,
    /// Consul refuses the name in a URL, and no transaction asked for it.
    RefusedName,
    /// No rule knows the answer.
    Unknown,
}

impl Why {
    /// Returns the text that errors and hints show.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Hidden => "the token may not read it",
            Self::Present => "Consul's list lacks it, although Consul says that it exists",
            Self::Readable => "the token may read it, and only one list lacks it",
            Self::WiderList => "a wider list lacks it, which proves nothing",
            Self::Filtered => {
                "the token hides all there is, or Consul does not say that there is nothing; check the token \
                 and its policies"
            }
            Self::EmptyKvList => "the list is empty, which Consul's never is",
            Self::EmptyBody => "it is empty, which Consul's answers never are",
            Self::HtmlPage => "it is an HTML page, so a proxy and not Consul answered",
            Self::NoRoots => {
                "the mesh has no root certificate yet; its authority is still being set up"
            }
            Self::RefusedName => {
                "Consul refuses its name in a URL, and a proxy forwards no transaction that asks for it"
            }
            Self::Unknown => "the answer does not say whether it exists",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Error for Why {}
