//! The path of a key: only plain characters go into a URL, and never a longer key than was given.

#![no_main]

use consul_watch::client::KeyPath;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|key: &str| {
    let way = KeyPath::of_prefix(key);
    assert!(
        way.path()
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte))
    );
    assert!(way.path().starts_with("/v1/kv/"));
    assert_eq!(KeyPath::of_key(key).is_err(), key.is_empty());
});
