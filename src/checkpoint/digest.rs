//! The digest of a state.

use sha2::{Digest, Sha256};

use crate::hex::hex;

/// Returns the digest of texts and of entries, whatever the order of the entries, in hexadecimal.
pub(super) fn digest_of(texts: &[&str], mut entries: Vec<[u8; 32]>) -> String {
    entries.sort_unstable();
    let mut all = Sha256::new();
    for text in texts {
        all.update(text);
    }
    for entry in entries {
        all.update(entry);
    }
    hex(&all.finalize())
}
