//! Snapshots of all that the servers store: <https://developer.hashicorp.com/consul/api-docs/snapshot>.

use std::io;

use crate::http::Http;
use crate::kv::refused;

impl Http {
    /// Returns a snapshot of keys, catalog, policies and tokens.
    ///
    /// # Errors
    ///
    /// When Consul cannot be reached or refuses.
    pub fn try_snapshot(&self) -> io::Result<Vec<u8>> {
        let reply = self.try_request("GET", "/v1/snapshot", &[], b"")?;
        match reply.status {
            200 => Ok(reply.body),
            _ => Err(refused(&reply)),
        }
    }

    /// Restores a snapshot: the servers store what it holds, and nothing else.
    ///
    /// # Errors
    ///
    /// When Consul cannot be reached or refuses.
    pub fn try_restore(&self, snapshot: &[u8]) -> io::Result<()> {
        let reply = self.try_request("PUT", "/v1/snapshot", &[], snapshot)?;
        match reply.status {
            200 => Ok(()),
            _ => Err(refused(&reply)),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::agent::TestAgent;

    #[test]
    fn a_restore_brings_back_what_was_there_and_takes_what_was_not() {
        let agent = TestAgent::dev();
        agent.put("a", "1");
        let snapshot = agent.try_snapshot().expect("a snapshot");
        agent.put("a", "2");
        agent.put("b", "2");
        agent.try_restore(&snapshot).expect("restored");
        assert_eq!(agent.get("a").expect("in the snapshot").0, b"1");
        assert_eq!(agent.get("b"), None);
    }
}
