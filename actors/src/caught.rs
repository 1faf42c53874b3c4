//! Code of an application, run so that its panic ends nothing but itself.
//!
//! The default hook has printed the panic by the time it is caught here.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// A panic that was caught.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Panicked;

/// Runs `code`. What it was changing when it panicked must still be valid.
pub(crate) fn caught<T>(code: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(code)).map_err(forget)
}

/// Prints an error or another value of an application.
pub(crate) fn text_of(value: &(impl fmt::Display + ?Sized)) -> String {
    caught(|| value.to_string()).unwrap_or_else(|Panicked| "(its `Display` panicked)".to_owned())
}

/// Drops a value of an application.
pub(crate) fn discard<T>(value: T) {
    // The panic has been printed, and nothing here depends on the value.
    let _ = caught(|| drop(value));
}

/// Drops what a panic carried, which may panic in its turn.
fn forget(payload: Box<dyn Any + Send>) -> Panicked {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
    Panicked
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    struct PanicsAtItsEnd;

    impl Drop for PanicsAtItsEnd {
        fn drop(&mut self) {
            panic!("a panic in `drop`, as the test wants it");
        }
    }

    impl fmt::Display for PanicsAtItsEnd {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("a panic in `fmt`, as the test wants it");
        }
    }

    #[test]
    fn neither_a_panic_nor_the_drop_of_what_it_carries_comes_out() {
        assert!(caught(|| panic_any(PanicsAtItsEnd)).is_err());
        discard(PanicsAtItsEnd);
        let value = std::mem::ManuallyDrop::new(PanicsAtItsEnd);
        assert_eq!(text_of(&*value), "(its `Display` panicked)");
        assert_eq!(caught(|| 1).ok(), Some(1));
    }
}
