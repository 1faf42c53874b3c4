//! [`PutOptions`]: the flags and the condition of a write.

/// The flags and the condition of a write
/// ([parameters](https://developer.hashicorp.com/consul/api-docs/kv#create-update-key)).
///
/// A write has one condition: a later one replaces an earlier one.
///
/// ```no_run
/// use consul_watch::kv::{KvStore, PutOptions};
///
/// # async fn example(kv: KvStore) -> Result<(), Box<dyn std::error::Error>> {
/// let new = PutOptions::default().with_flags(42).if_modify_index(0);
/// assert!(kv.put_with("app/a", "1", &new).await?, "the key did not exist");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PutOptions {
    pub(super) flags: u64,
    pub(super) condition: Option<Condition>,
}

/// The condition of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    ModifyIndex(u64),
    Acquire(String),
    Release(String),
}

impl PutOptions {
    /// Sets [`flags`](super::KvPair::flags), a number for clients that Consul does not use. Default: 0, which is also
    /// what a write without flags sets.
    #[must_use]
    pub fn with_flags(mut self, flags: u64) -> Self {
        self.flags = flags;
        self
    }

    /// Writes only if the key's [`modify_index`](super::KvPair::modify_index) is this one, or, with 0, only if there is
    /// no such key (check-and-set). Default: no condition.
    #[must_use]
    pub fn if_modify_index(mut self, modify_index: u64) -> Self {
        self.condition = Some(Condition::ModifyIndex(modify_index));
        self
    }

    /// Writes and locks the key for a session, only if no other session holds it. Default: no condition.
    #[must_use]
    pub fn acquire(mut self, session: impl Into<String>) -> Self {
        self.condition = Some(Condition::Acquire(session.into()));
        self
    }

    /// Writes and unlocks the key, only if this session holds it. Default: no condition.
    #[must_use]
    pub fn release(mut self, session: impl Into<String>) -> Self {
        self.condition = Some(Condition::Release(session.into()));
        self
    }

    /// Returns the parameters of the write's URL.
    pub(super) fn query(&self) -> Vec<(String, String)> {
        let mut query = Vec::new();
        if self.flags != 0 {
            query.push(("flags".to_owned(), self.flags.to_string()));
        }
        query.extend(self.condition.as_ref().map(|condition| {
            let (name, value) = match condition {
                Condition::ModifyIndex(index) => ("cas", index.to_string()),
                Condition::Acquire(session) => ("acquire", session.clone()),
                Condition::Release(session) => ("release", session.clone()),
            };
            (name.to_owned(), value)
        }));
        query
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_are_consuls() {
        let pairs = |options: PutOptions| {
            let query = options.query();
            let shown: Vec<_> = query
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            shown.join("&")
        };
        assert_eq!(pairs(PutOptions::default()), "");
        assert_eq!(
            pairs(PutOptions::default().with_flags(7).if_modify_index(0)),
            "flags=7&cas=0"
        );
        assert_eq!(pairs(PutOptions::default().acquire("s")), "acquire=s");
        assert_eq!(
            pairs(PutOptions::default().acquire("s").release("t")),
            "release=t"
        );
    }
}
