//! Configuration as the application's own types, and watches that are made of others.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

#[expect(
    dead_code,
    reason = "shared with the tests of the promises, which use all of it"
)]
#[path = "../promises/recorder.rs"]
mod recorder;
#[expect(
    dead_code,
    reason = "shared with the tests of the promises, which use all of it"
)]
#[path = "../promises/stage.rs"]
mod stage;

mod a_checkpoint_skips_what_was_seen;
mod a_folder_as_a_struct;
mod a_key_as_json;
mod covered_by_a_wider_prefix;
mod covered_where_rights_end;
mod predicates_and_quiet;
mod several_key_spaces;
mod the_web_example;
mod the_whole_catalog;
