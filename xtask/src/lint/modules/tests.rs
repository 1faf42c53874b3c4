use std::path::PathBuf;

use super::*;

const LAYERS: &[&[&str]] = &[&["top"], &["middle"], &["bottom"]];

fn fixture(name: &str) -> Vec<String> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/modules")).join(name);
    let files: Vec<TextFile> = files::read(&root, "src", &["rs"]).unwrap();
    assert!(!files.is_empty(), "the fixture {name} is there");
    check_crate("src", &files, Some(LAYERS))
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn accepts_layers_that_point_downward() {
    assert_eq!(fixture("accepted"), [""; 0]);
}

#[test]
fn refuses_a_circle_of_top_level_modules_and_the_arrow_upward() {
    assert_eq!(
        fixture("circle"),
        [
            "src/bottom.rs:4: `bottom` names `top`, which is a layer above it",
            "src/bottom.rs:4: circle in crate: bottom → top → middle → bottom\n    \
             bottom → top at src/bottom.rs:4\n    \
             top → middle at src/top.rs:1\n    \
             middle → bottom at src/middle/child.rs:1"
        ]
    );
}

#[test]
fn refuses_a_circle_within_a_folder_also_through_a_reexport() {
    assert_eq!(
        fixture("folder_circle"),
        [
            "src/middle/left.rs:1: circle in crate::middle: left → right → left\n    \
             left → right at src/middle/left.rs:1\n    \
             right → left at src/middle/right.rs:3"
        ]
    );
}

#[test]
fn refuses_what_goes_through_lib_rs() {
    assert_eq!(
        fixture("through_lib"),
        [
            "src/top.rs:1: `crate::Thing` goes through lib.rs: import it from the module that defines it",
            "src/top.rs:3: `crate::Thing` goes through lib.rs: import it from the module that defines it",
            "src/top.rs:4: `crate::Thing` goes through lib.rs: import it from the module that defines it",
        ]
    );
}

#[test]
fn refuses_a_module_without_a_layer() {
    assert_eq!(
        fixture("no_layer"),
        [
            "src/lib.rs:1: the module `elsewhere` has no layer: give it one in xtask/src/lint/modules/layers.rs"
        ]
    );
}
