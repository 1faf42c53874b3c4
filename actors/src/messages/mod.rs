//! The messages between an application and the engine, and what they carry.

pub(crate) mod changed;
pub(crate) mod event;
pub(crate) mod observe;
pub(crate) mod quiescence;
pub(crate) mod ready;
pub(crate) mod reset;
pub(crate) mod selection;
pub(crate) mod start_afresh;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod subscriber;
pub(crate) mod subscription_id;
pub(crate) mod watch;
pub(crate) mod watch_status;
