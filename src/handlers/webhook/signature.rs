//! The headers that prove the sender of a state and that distinguish one state from another.

use std::fmt::Write;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::client::Secret;

/// Returns the value of `X-Consul-Watch-Signature`: HMAC-SHA256 over the body.
pub(super) fn signature(key: &Secret, body: &[u8]) -> Option<String> {
    // HMAC takes keys of any length, so this never fails.
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).ok()?;
    mac.update(body);
    Some(format!("sha256={}", hex(&mac.finalize().into_bytes())))
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

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // RFC 4231, test case 2.
        assert_eq!(
            signature(&Secret::from("Jefe"), b"what do ya want for nothing?").as_deref(),
            Some("sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        );
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
