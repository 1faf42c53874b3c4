//! What `consul-watch` promises, one file per guarantee, each kept against a real Consul agent.
//!
//! No test takes a time for its verdict: each waits for what has to come, with a deadline that only ends a
//! test that has failed. That nothing came is shown by a marker: a change that has to be the very next
//! delivery.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod awkward_names;
mod campaign;
mod every_removal_is_a_change;
mod example;
mod first_delivery;
mod never_a_false_delete;
mod no_hot_loop;
mod no_secret_is_told;
mod no_storm_after_an_outage;
mod nothing_false;
mod one_bad_watch_harms_no_other;
mod public_types;
mod readers_on_any_thread;
mod reset_repeats_nothing;
mod sizes;
mod stop_is_final;
mod subscribers_of_all_kinds;
mod the_latest_arrives_after_a_burst;
mod the_latest_arrives_after_an_outage;

// What moved to the harness, under the names that `never_a_false_delete` has for it.
mod recorder {
    #[allow(unused_imports)]
    pub(crate) use consul_watch_harness::{
        DEADLINE as SOON, Feed, StopActor as Leave, described as said, state, text,
    };
}
mod stage {
    #[allow(unused_imports)]
    pub(crate) use consul_watch_harness::{
        Fixture as Stage,
        fixture::{
            config, impatient, retries_after as failed, status, subscribe, supervisor, until, watch,
        },
    };
}
