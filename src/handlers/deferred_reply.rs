//! [`DeferredReply`]: a handler's reply that is sent once its change has been handled.

use std::{cell::RefCell, fmt, rc::Rc};

use actix::{
    Actor, Message,
    dev::{MessageResponse, OneshotSender},
};

/// A reply that is sent once its change has been handled: the result of a handler's `Handler<Changed<Q>>`.
///
/// If its handle is dropped, the sender receives [`MailboxError::Closed`](actix::MailboxError): the change
/// counts as not handled.
pub struct DeferredReply(Rc<RefCell<Slot>>);

/// The handle that sends the reply. Dropped, it gives the reply up.
#[derive(Debug)]
pub(super) struct ReplyHandle(Rc<RefCell<Slot>>);

enum Slot {
    /// The handler has not returned yet, so the sender is not known.
    Unknown,
    Waiting(Option<OneshotSender<()>>),
    /// Replied, perhaps before the sender was known.
    Answered,
    GivenUp,
}

/// Returns a reply and its handle.
pub(super) fn deferred_reply() -> (ReplyHandle, DeferredReply) {
    let slot = Rc::new(RefCell::new(Slot::Unknown));
    (ReplyHandle(Rc::clone(&slot)), DeferredReply(slot))
}

impl ReplyHandle {
    /// Sends the reply: the change has been handled.
    pub(super) fn send(self) {
        if let Slot::Waiting(Some(sender)) = self.0.replace(Slot::Answered) {
            // The sender may be gone.
            let _ = sender.send(());
        }
    }
}

impl Drop for ReplyHandle {
    fn drop(&mut self) {
        let mut slot = self.0.borrow_mut();
        if !matches!(*slot, Slot::Answered) {
            *slot = Slot::GivenUp;
        }
    }
}

impl<A: Actor, M: Message<Result = ()>> MessageResponse<A, M> for DeferredReply {
    fn handle(self, _: &mut A::Context, sender: Option<OneshotSender<()>>) {
        let mut slot = self.0.borrow_mut();
        match *slot {
            Slot::Unknown => *slot = Slot::Waiting(sender),
            Slot::Answered => {
                // The sender may be gone.
                let _ = sender.map(|sender| sender.send(()));
            }
            Slot::Waiting(_) | Slot::GivenUp => {}
        }
    }
}

impl fmt::Debug for DeferredReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DeferredReply")
            .field(&self.0.borrow())
            .finish()
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Waiting(_) => "waiting",
            Self::Answered => "answered",
            Self::GivenUp => "given up",
        })
    }
}

#[cfg(test)]
mod tests {
    use actix::{Context, Handler, MailboxError};

    use super::*;

    /// Keeps a handle, or not.
    struct Replier(Option<ReplyHandle>);

    struct Do(&'static str);

    impl Message for Do {
        type Result = ();
    }

    impl Actor for Replier {
        type Context = Context<Self>;
    }

    impl Handler<Do> for Replier {
        type Result = DeferredReply;

        fn handle(&mut self, Do(what): Do, _: &mut Self::Context) -> DeferredReply {
            let (handle, reply) = deferred_reply();
            match what {
                "send" => handle.send(),
                "keep" => self.0 = Some(handle),
                "send both" => {
                    handle.send();
                    self.0.take().unwrap().send();
                }
                _ => drop(handle),
            }
            reply
        }
    }

    #[actix::test]
    async fn a_reply_is_sent_at_once_later_or_never() {
        let replier = Replier(None).start();
        assert_eq!(replier.send(Do("send")).await, Ok(()));
        assert_eq!(replier.send(Do("drop")).await, Err(MailboxError::Closed));
        let (kept, sent) = tokio::join!(replier.send(Do("keep")), replier.send(Do("send both")));
        assert_eq!((kept, sent), (Ok(()), Ok(())));
    }
}
