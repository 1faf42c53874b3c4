//! The workflows and `.ci/run` name the same steps.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The steps that `.ci/run` has a function for.
fn steps(script: &str) -> BTreeSet<&str> {
    script
        .lines()
        .filter_map(|line| line.strip_prefix("step_")?.strip_suffix("() {"))
        .collect()
}

#[test]
fn workflows_call_steps_that_exist_and_leave_none_out() {
    let script = fs::read_to_string(root().join(".ci/run")).unwrap();
    let steps = steps(&script);
    assert!(steps.contains("test"), "{steps:?}");

    let mut called = BTreeSet::new();
    for entry in fs::read_dir(root().join(".github/workflows")).unwrap() {
        let path = entry.unwrap().path();
        let workflow = fs::read_to_string(&path).unwrap();
        for call in workflow
            .lines()
            .filter_map(|line| line.split_once(".ci/run "))
        {
            for step in call.1.split_whitespace() {
                assert!(steps.contains(step), "{}: no step `{step}`", path.display());
                called.insert(step.to_owned());
            }
        }
    }
    for step in steps {
        assert!(called.contains(step), "no workflow calls `.ci/run {step}`");
    }
}

#[test]
fn every_step_is_described() {
    let script = fs::read_to_string(root().join(".ci/run")).unwrap();
    for step in steps(&script) {
        assert!(
            script.contains(&format!("\n  {step:<11} ")),
            "the usage of .ci/run does not describe `{step}`"
        );
    }
}
