//! [`is_reserved`]: the headers that a call sets itself.

pub(super) const SIGNATURE: &str = "x-consul-watch-signature";
pub(super) const INDEX: &str = "x-consul-index";
pub(super) const KEY: &str = "idempotency-key";
pub(super) const REPEATED: &str = "x-consul-watch-repeated";

/// The headers that the handler or the connection sets.
const RESERVED: [&str; 11] = [
    SIGNATURE,
    INDEX,
    KEY,
    REPEATED,
    "connection",
    "content-length",
    "expect",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether the handler or the connection sets this header.
pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|own| own.eq_ignore_ascii_case(name))
}
