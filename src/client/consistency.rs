//! How fresh an answer must be.

use std::time::Duration;

use super::duration::milliseconds;

/// Which server may answer a read, as Consul's page "Consistency Modes" defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Consistency {
    /// The leader answers, by its lease: fresh but for a short window while leadership moves. Consul's
    /// own default.
    #[default]
    Default,
    /// Any server answers from what it has. Spreads the load, and works without a leader.
    Stale {
        /// The greatest age to accept; instead of an older answer the leader is asked, by the agent or,
        /// for keys, by this library. `None`: any age.
        max_stale: Option<Duration>,
    },
    /// The leader first makes sure with its peers that it still leads: never old, one round trip more.
    Consistent,
}

impl Consistency {
    /// The query parameters that ask for it. `stale` never goes together with `consistent`, which
    /// Consul would answer with a 400.
    pub(crate) fn params(self) -> impl Iterator<Item = (&'static str, String)> {
        let (mode, max_stale) = match self {
            Self::Default => (None, None),
            Self::Stale { max_stale } => (Some("stale"), max_stale),
            Self::Consistent => (Some("consistent"), None),
        };
        let mode = mode.map(|name| (name, String::new()));
        mode.into_iter()
            .chain(max_stale.map(|age| ("max_stale", milliseconds(age))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(consistency: Consistency) -> Vec<(&'static str, String)> {
        consistency.params().collect()
    }

    #[test]
    fn each_mode_has_its_own_parameters() {
        assert!(text(Consistency::Default).is_empty());
        assert_eq!(
            text(Consistency::Consistent),
            [("consistent", String::new())]
        );
        assert_eq!(
            text(Consistency::Stale { max_stale: None }),
            [("stale", String::new())]
        );
        assert_eq!(
            text(Consistency::Stale {
                max_stale: Some(Duration::from_secs(10))
            }),
            [
                ("stale", String::new()),
                ("max_stale", "10000ms".to_owned())
            ]
        );
    }
}
