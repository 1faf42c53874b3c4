//! The release of the Consul under test.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::binary;

/// Returns the major and minor number of the Consul that the tests run; `None` if it does not tell them.
pub fn release() -> Option<(u32, u32)> {
    static KNOWN: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    *KNOWN.get_or_init(|| {
        let said = Command::new(binary::consul().ok()?)
            .arg("version")
            .stdin(Stdio::null())
            .output()
            .ok()?;
        version(&String::from_utf8_lossy(&said.stdout))
    })
}

/// Whether the Consul under test is of this release or a later one.
pub(crate) fn is_since(first: (u32, u32)) -> bool {
    release().is_some_and(|known| known >= first)
}

fn version(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.lines().next()?.strip_prefix("Consul v")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_version() {
        assert_eq!(version("Consul v1.8.7\nProtocol 2 spoken"), Some((1, 8)));
        assert_eq!(version("Consul v1.21.0-dev\n"), Some((1, 21)));
        assert_eq!(version("something else"), None);
    }
}
