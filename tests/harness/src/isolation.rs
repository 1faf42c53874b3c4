//! Tests that count what their whole process has: children, descriptors, memory.
//!
//! Cargo's own test runner runs the tests of a file as threads of one process, so such a test would count what
//! the others have as well. [`own_process!`](crate::own_process) runs it again in a process of its own.

use std::{env, process::Command};

/// The variable with the name of the test that a process is for.
const VARIABLE: &str = "CONSUL_WATCH_OWN_PROCESS";

/// Runs the test that it stands at the beginning of in a process of its own, and returns from it here.
///
/// ```no_run
/// # // A test without `#[test]`, which rustdoc would not run.
/// fn no_descriptor_is_left_open() {
///     consul_watch_harness::own_process!();
///     assert_eq!(std::fs::read_dir("/proc/self/fd").unwrap().count(), 4);
/// }
/// ```
#[macro_export]
macro_rules! own_process {
    () => {{
        fn here() {}
        if $crate::isolation::runs_elsewhere(::std::any::type_name_of_val(&here)) {
            return;
        }
    }};
}

/// Runs the test around this function in a process of its own, unless this is that process: true if it
/// succeeded there.
///
/// # Panics
///
/// If it failed there, with all that it printed.
#[doc(hidden)]
pub fn runs_elsewhere(function: &str) -> bool {
    let test = test_name(function);
    if env::var(VARIABLE).is_ok_and(|wanted| wanted == test) {
        return false;
    }
    let run = env::current_exe().and_then(|this| {
        Command::new(this)
            .args(["--exact", &test, "--nocapture", "--include-ignored"])
            .env(VARIABLE, &test)
            .output()
    });
    let run =
        run.unwrap_or_else(|error| panic!("{test} cannot be run in its own process: {error}"));
    let (out, errors) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    assert!(
        run.status.success() && out.contains("1 passed"),
        "{test} failed in its own process:\n{out}\n{errors}"
    );
    true
}

/// The name that the test runner knows the test by: the path of a function within it, without the crate
/// and without what the compiler and the attribute add.
fn test_name(function: &str) -> String {
    let parts: Vec<&str> = function.split("::").collect();
    let end = parts.iter().position(|part| part.starts_with('{'));
    let end = end.unwrap_or(parts.len() - 1);
    parts[1..end].join("::")
}

#[cfg(test)]
mod tests {
    use super::test_name;

    #[test]
    fn a_test_has_a_process_of_its_own() {
        let before = std::process::id();
        own_process!();
        let parent = std::os::unix::process::parent_id();
        assert_ne!((before, parent), (parent, 1), "the runner is its parent");
        assert_eq!(
            std::env::var(super::VARIABLE).as_deref(),
            Ok("isolation::tests::a_test_has_a_process_of_its_own")
        );
    }

    #[test]
    #[should_panic(expected = "no_such_test failed in its own process")]
    fn a_test_that_did_not_run_there_has_failed() {
        super::runs_elsewhere("harness::isolation::tests::no_such_test::here");
    }

    #[test]
    fn its_name_is_that_of_the_runner() {
        assert_eq!(
            test_name("handlers::stop::all_ends::here"),
            "stop::all_ends"
        );
        let within = "handlers::stop::all_ends::{{closure}}::here";
        assert_eq!(test_name(within), "stop::all_ends");
    }
}
