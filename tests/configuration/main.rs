//! Configuration as the application's own types, and watches that are made of others.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

// What moved to the harness, under the names that these tests have for it.
mod recorder {
    pub(crate) use consul_watch_harness::{DEADLINE as SOON, Feed, described as said};
}
mod stage {
    pub(crate) use consul_watch_harness::{
        Fixture as Stage,
        fixture::{subscribe, supervisor, until, watch},
    };
}

mod a_checkpoint_skips_what_was_seen;
mod a_folder_as_a_struct;
mod a_key_as_json;
mod covered_by_a_wider_prefix;
mod covered_where_rights_end;
mod key_set;
mod predicates_and_quiet;
mod the_web_example;
mod the_whole_catalog;
