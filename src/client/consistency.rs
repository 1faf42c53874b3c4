//! [`Consistency`]: the freshness that a read asks for.

use std::time::Duration;

use super::duration::milliseconds;

/// The freshness that a read asks for, by Consul's
/// [consistency modes](https://developer.hashicorp.com/consul/api-docs/features/consistency).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Consistency {
    /// The leader answers, by its lease: fresh except for a short window while leadership changes. Consul's
    /// own default.
    #[default]
    Default,
    /// Any server answers from its own data. This spreads the load, and works without a leader.
    Stale {
        /// The greatest age to accept. When the answer is older, the leader is queried, by the agent or, for
        /// keys, by this library. `None`: any age.
        max_stale: Option<Duration>,
    },
    /// The leader first confirms with its peers that it still leads: never stale, at the cost of a round trip.
    Consistent,
}

impl Consistency {
    /// The query parameters that ask for it. `stale` is never sent together with `consistent`, which
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
