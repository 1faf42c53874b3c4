//! A watch as data: an accepted text is accepted again when it is written back.

#![no_main]

use consul_watch::definition::Definition;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(json) = serde_json::from_slice(bytes) else {
        return;
    };
    match Definition::from_json(&json) {
        Ok(definition) => assert_eq!(
            Definition::from_json(&definition.to_json()).as_ref(),
            Ok(&definition)
        ),
        Err(errors) => assert!(!errors.to_string().is_empty()),
    }
});
