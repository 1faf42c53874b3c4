//! A watch queries at a bounded rate whatever Consul answers, and many watches do not return at once after an
//! outage.

mod hot_loop;
mod storm;
