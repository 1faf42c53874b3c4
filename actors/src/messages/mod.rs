//! The messages between an application and the engine.

mod changed;
mod event;
mod observe;
mod ready;
mod reset;
mod selection;
mod status;
mod stop;
mod watch;

pub(crate) use self::watch::SubscribeOptions;
pub use self::{
    changed::{Changed, Reason},
    event::{EndReason, EventKind, SubscriberCode, WatchEvent},
    observe::Observe,
    ready::{Ready, ReadyError},
    reset::{Reset, ResetError},
    selection::{QueryId, Selection},
    status::{GetSnapshots, Status},
    stop::{Stop, Stopped},
    watch::{SubscriptionId, Watch, WatchError},
};
