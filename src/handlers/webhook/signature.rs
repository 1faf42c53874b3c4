//! The headers that prove the sender of a state and that distinguish one state from another.

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::{client::Secret, hex::hex};

/// The parts of a request that its signature covers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    /// The time of the attempt, in seconds since 1970.
    pub(super) time: u64,
    pub(super) method: &'a str,
    /// The path and the query, as in the first line of the request.
    pub(super) target: &'a str,
    pub(super) index: u64,
    pub(super) idempotency_key: &'a str,
    pub(super) body: &'a [u8],
}

impl Signed<'_> {
    /// Returns the value of `X-Consul-Watch-Signature`: the time, and version 2 of the signature.
    ///
    /// None of the parts before the body can hold a line break, so no other request has the same text.
    pub(super) fn header(&self, key: &Secret) -> Option<String> {
        let Self {
            time,
            method,
            target,
            index,
            idempotency_key,
            body,
        } = self;
        // HMAC takes keys of any length, so this never fails.
        let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).ok()?;
        mac.update(
            format!("v2\n{time}\n{method}\n{target}\n{index}\n{idempotency_key}\n").as_bytes(),
        );
        mac.update(body);
        let signature = hex(&mac.finalize().into_bytes());
        Some(format!("t={time},v2={signature}"))
    }
}

/// Returns the value of `Idempotency-Key`: the index, and a digest of the path and the state.
///
/// The state is part of it, since an index alone does not identify it: Consul may start its count over. Some
/// watches have no index (0). For these, `turn` distinguishes a state that came back from one that stayed.
pub(super) fn idempotency_key(path: &str, index: u64, turn: u128, body: &[u8]) -> String {
    let mut digest = Sha256::new();
    digest.update(path.as_bytes());
    digest.update([0]);
    if index == 0 {
        digest.update(turn.to_be_bytes());
    }
    digest.update(body);
    format!("{index}-{}", hex(&digest.finalize()[..16]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request of the worked example in `docs/daemon.md`.
    const EXAMPLE: Signed<'_> = Signed {
        time: 1_735_689_600,
        method: "POST",
        target: "/consul?team=blue",
        index: 7,
        idempotency_key: "7-b7c1c3f3c7d5a1e2f4a5b6c7d8e9f001",
        body: b"{\"Key\":\"app\"}\n",
    };

    fn signature(change: impl FnOnce(&mut Signed<'static>)) -> String {
        let mut signed = EXAMPLE;
        change(&mut signed);
        signed.header(&Secret::from("hunter2")).unwrap()
    }

    #[test]
    fn the_documented_example_is_right() {
        let header = signature(|_| {});
        let document = include_str!("../../../docs/daemon.md");
        assert!(document.contains(&header), "{header}");
        let body = std::str::from_utf8(EXAMPLE.body).unwrap().trim_end();
        for part in [EXAMPLE.target, EXAMPLE.idempotency_key, body] {
            assert!(document.contains(part), "{part}");
        }
    }

    #[test]
    fn every_part_is_covered() {
        let whole = signature(|_| {});
        let others = [
            signature(|signed| signed.time += 1),
            signature(|signed| signed.method = "PUT"),
            signature(|signed| signed.target = "/consul?team=red"),
            signature(|signed| signed.index = 8),
            signature(|signed| signed.idempotency_key = "7-b"),
            signature(|signed| signed.body = b"{}"),
        ];
        let code = |header: &str| header.split_once("v2=").unwrap().1.to_owned();
        for other in others {
            assert_ne!(code(&whole), code(&other));
        }
    }

    #[test]
    fn a_key_is_that_of_one_state_of_one_path() {
        let key = idempotency_key("key:a", 7, 1, b"1");
        assert!(key.starts_with("7-") && key.len() == 34, "{key}");
        assert_eq!(
            key,
            idempotency_key("key:a", 7, 2, b"1"),
            "the turn counts only without an index"
        );
        for other in [
            idempotency_key("key:b", 7, 1, b"1"),
            idempotency_key("key:a", 8, 1, b"1"),
            idempotency_key("key:a", 7, 1, b"2"),
        ] {
            assert_ne!(key, other);
        }
        assert_ne!(
            idempotency_key("a", 0, 1, b"1"),
            idempotency_key("a", 0, 2, b"1")
        );
    }
}
