//! [`Proxies`]: the proxies of all handlers, so that a daemon that stops leaves none out.

use std::{cell::RefCell, time::Duration};

use actix::prelude::*;
use futures_util::future::join_all;

use crate::daemon::runtime::handler_proxy::StopProxy;

/// The proxies that run.
#[derive(Default)]
pub(super) struct Proxies(RefCell<Vec<Recipient<StopProxy>>>);

impl Proxies {
    pub(super) fn add(&self, proxy: Recipient<StopProxy>) {
        self.0.borrow_mut().push(proxy);
    }

    /// Forgets those that have ended.
    pub(super) fn forget_ended(&self) {
        self.0.borrow_mut().retain(Recipient::connected);
    }

    /// Stops all, and with them their handlers, which have this long to finish.
    pub(super) async fn stop(self, grace: Duration) {
        let all = self.0.into_inner();
        // One that is gone has no handler.
        join_all(all.iter().map(|proxy| proxy.send(StopProxy { grace }))).await;
    }
}
