//! How a KV key reaches Consul as it is.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything is encoded but what RFC 3986 calls unreserved, and the slash, which Consul's router needs
/// as it is or encoded, to the same effect.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// The longest encoded key put into a URL. Consul takes more (100,000 bytes were measured); reverse
/// proxies often stop at 8 KiB for the whole request line.
const LONGEST: usize = 4096;

/// The way to a key, or to all keys with a prefix, through the URL of `/v1/kv/`.
///
/// Most keys can be named there, percent-encoded. Some cannot, however they are encoded, since the
/// agent looks at the *decoded* path (measured on Consul 1.8):
///
/// - an empty segment (`a//b`, `/lead`) and the segments `.` and `..` are answered with a redirect to
///   the cleaned path, which is another key;
/// - control characters and what Go does not count as printable (U+00A0, U+200B, U+FEFF …) are answered
///   with a bare 400 (`http_config`, "`disable_http_unprintable_char_filter`").
///
/// Such a key is written and read through the Transaction API, where it travels in the JSON body. A
/// *blocking* query knows only the URL, so it asks for the longest prefix of the key that can be named,
/// and the key is picked from the answer:
///
/// ```
/// use consul_watch::client::KeyPath;
///
/// assert_eq!(KeyPath::of_key("a b/c")?, KeyPath::Direct("/v1/kv/a%20b/c".into()));
/// assert_eq!(KeyPath::of_key("a//b")?, KeyPath::NearestPrefix("/v1/kv/a/".into()));
/// # Ok::<(), consul_watch::client::EmptyKey>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyPath {
    /// The path, percent-encoded, that names exactly this key or prefix.
    Direct(String),
    /// The key or prefix cannot be named. This is the path of the longest prefix of it that can be: to
    /// be asked with `recurse` or `keys`, and the answer to be sifted. Beneath a key such as `/lead`
    /// that is the whole store.
    NearestPrefix(String),
}

/// A key without a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a key cannot be empty: Consul would take it for the whole store; name a key, or ask for a prefix"
)]
pub struct EmptyKey;

impl KeyPath {
    /// The way to the key `key`.
    ///
    /// # Errors
    /// [`EmptyKey`]: Consul has no key without a name, and its URL would mean the whole store.
    pub fn of_key(key: &str) -> Result<Self, EmptyKey> {
        if key.is_empty() {
            Err(EmptyKey)
        } else {
            Ok(Self::new(key))
        }
    }

    /// The way to all keys that start with `prefix`, as a string and not as a folder; an empty prefix
    /// is the whole store.
    pub fn of_prefix(prefix: &str) -> Self {
        Self::new(prefix)
    }

    /// The path, percent-encoded.
    pub fn path(&self) -> &str {
        match self {
            Self::Direct(path) | Self::NearestPrefix(path) => path,
        }
    }

    fn new(key: &str) -> Self {
        let named = nameable(key);
        let path = format!("/v1/kv/{}", utf8_percent_encode(named, ENCODED));
        if named.len() == key.len() {
            Self::Direct(path)
        } else {
            Self::NearestPrefix(path)
        }
    }
}

/// The longest prefix of `key` that a URL can carry to Consul unchanged.
fn nameable(key: &str) -> &str {
    let printable = key.find(|c| !is_printable(c)).unwrap_or(key.len());
    let key = &key[..printable.min(fitting(key))];
    let mut start = 0;
    while let Some(length) = key[start..].find('/') {
        if is_cleaned_away(&key[start..start + length]) || length == 0 {
            return &key[..start];
        }
        start += length + 1;
    }
    // The last segment may be empty: a slash at the end survives.
    if is_cleaned_away(&key[start..]) {
        &key[..start]
    } else {
        key
    }
}

fn is_cleaned_away(segment: &str) -> bool {
    matches!(segment, "." | "..")
}

/// Surely printable in every version of Unicode that an agent may have been built with. What this
/// leaves out, emoji for one, goes the longer way and arrives too.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        matches!(c, ' '..='~')
    } else {
        c.is_alphanumeric()
    }
}

/// How much of `key`, in bytes, stays within [`LONGEST`] when encoded.
fn fitting(key: &str) -> usize {
    let mut encoded = 0;
    for (at, c) in key.char_indices() {
        let kept = c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '/');
        encoded += if kept { 1 } else { 3 * c.len_utf8() };
        if encoded > LONGEST {
            return at;
        }
    }
    key.len()
}

#[cfg(test)]
mod tests {
    use awc::http::Uri;
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    fn direct(key: &str) -> String {
        match KeyPath::of_prefix(key) {
            KeyPath::Direct(path) => path.trim_start_matches("/v1/kv").to_owned(),
            KeyPath::NearestPrefix(path) => panic!("{key:?} is only within {path}"),
        }
    }

    fn within(key: &str) -> String {
        match KeyPath::of_prefix(key) {
            KeyPath::NearestPrefix(path) => path.trim_start_matches("/v1/kv").to_owned(),
            KeyPath::Direct(path) => panic!("{key:?} is direct as {path}"),
        }
    }

    #[test]
    fn what_a_url_can_carry_is_encoded() {
        assert_eq!(direct("app/db.host"), "/app/db.host");
        assert_eq!(direct("a b?c#d%e+f"), "/a%20b%3Fc%23d%25e%2Bf");
        assert_eq!(direct("größe/中"), "/gr%C3%B6%C3%9Fe/%E4%B8%AD");
        assert_eq!(direct("folder/"), "/folder/");
        assert_eq!(direct("..a/.b/c.."), "/..a/.b/c..");
        assert_eq!(direct("%2e%2e"), "/%252e%252e");
        assert_eq!(
            KeyPath::of_prefix(""),
            KeyPath::Direct("/v1/kv/".to_owned())
        );
    }

    #[test]
    fn what_a_url_cannot_carry_is_cut_to_what_it_can() {
        assert_eq!(within("a//b"), "/a/");
        assert_eq!(within("a//"), "/a/");
        assert_eq!(within("/lead"), "/");
        assert_eq!(within("/"), "/");
        assert_eq!(within(".."), "/");
        assert_eq!(within("./x"), "/");
        assert_eq!(within("a/../b"), "/a/");
        assert_eq!(within("a/."), "/a/");
        assert_eq!(within("a/b\nc"), "/a/b");
        assert_eq!(within("a/..\0"), "/a/");
        assert_eq!(within("x\u{a0}y"), "/x");
        assert_eq!(within("\u{200b}"), "/");
    }

    #[test]
    fn an_empty_key_is_refused() {
        assert_eq!(KeyPath::of_key(""), Err(EmptyKey));
        assert_eq!(KeyPath::of_key("a"), Ok(KeyPath::of_prefix("a")));
    }

    #[test]
    fn a_giant_key_is_cut_at_a_character() {
        let key = "ä".repeat(5000);
        let path = within(&key);
        assert!(
            path.len() <= LONGEST + 1 && path.len() > LONGEST - 6,
            "{}",
            path.len()
        );
        assert!(Uri::try_from(path).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_sent_is_a_prefix_of_the_key_and_survives_a_router(key in "\\PC{0,30}|[a.~/ %?\0-\u{ff}]{0,12}|[./a]{0,8}") {
            let way = KeyPath::of_prefix(&key);
            // The URI type of the HTTP client must not touch it.
            let uri = Uri::try_from(format!("http://localhost:8500{}", way.path())).expect("a valid URI");
            prop_assert_eq!(uri.path(), way.path());
            let sent = percent_decode_str(uri.path()).decode_utf8().expect("UTF-8");
            let sent = sent.strip_prefix("/v1/kv/").expect("the KV endpoint");
            match way {
                KeyPath::Direct(_) => prop_assert_eq!(sent, &key),
                KeyPath::NearestPrefix(_) => prop_assert!(key.starts_with(sent) && sent.len() < key.len()),
            }
            // Nothing that Go's router would clean away.
            let mut segments: Vec<_> = sent.split('/').collect();
            prop_assert!(!matches!(segments.pop(), Some("." | "..")));
            prop_assert!(segments.iter().all(|segment| !matches!(*segment, "" | "." | "..")));
        }
    }
}
