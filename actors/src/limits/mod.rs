//! Limits on what watches may ask of a server: how often, how many at once, and when after an outage.
//!
//! Everything here is about one server or one watch and knows no actor. [`backoff`] and [`throttle`] belong
//! to one watch; [`connection_budget`] and [`reconnect_gate`] are shared by all watches of one server.

pub(crate) mod backoff;
pub(crate) mod connection_budget;
pub(crate) mod reconnect_gate;
pub(crate) mod throttle;
