//! The answer that a subscriber owes for a change.

use std::{cell::RefCell, fmt, rc::Rc};

use actix::{
    Actor, Message,
    dev::{MessageResponse, OneshotSender},
};

/// An answer that is given when its change was handled: the result of a handler's `Handler<Changed<Q>>`.
///
/// Given up instead, the sender is told that the mailbox is closed: the change counts as not handled.
pub struct DeferredReply(Rc<RefCell<Slot>>);

/// The right to give that answer. Dropped, it gives it up.
#[derive(Debug)]
pub(super) struct ReplyHandle(Rc<RefCell<Slot>>);

enum Slot {
    /// The handler has not returned yet, so the way back is not known.
    Unknown,
    Waiting(Option<OneshotSender<()>>),
    /// Answered before the way back was known.
    Answered,
    GivenUp,
}

/// A debt, and the right to pay it.
pub(super) fn deferred_reply() -> (ReplyHandle, DeferredReply) {
    let slot = Rc::new(RefCell::new(Slot::Unknown));
    (ReplyHandle(Rc::clone(&slot)), DeferredReply(slot))
}

impl ReplyHandle {
    /// The change was handled.
    pub(super) fn send(self) {
        if let Slot::Waiting(Some(sender)) = self.0.replace(Slot::Answered) {
            // Whoever has sent it may be gone.
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
                // Whoever has sent it may be gone.
                let _ = sender.map(|sender| sender.send(()));
            }
            Slot::Waiting(_) | Slot::GivenUp => {}
        }
    }
}

impl fmt::Debug for DeferredReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Owed").field(&self.0.borrow()).finish()
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

    /// Keeps what it owes, or not.
    struct Debtor(Option<ReplyHandle>);

    struct Do(&'static str);

    impl Message for Do {
        type Result = ();
    }

    impl Actor for Debtor {
        type Context = Context<Self>;
    }

    impl Handler<Do> for Debtor {
        type Result = DeferredReply;

        fn handle(&mut self, Do(what): Do, _: &mut Self::Context) -> DeferredReply {
            let (right, debt) = deferred_reply();
            match what {
                "give" => right.send(),
                "keep" => self.0 = Some(right),
                "give the kept" => {
                    right.send();
                    self.0.take().unwrap().send();
                }
                _ => drop(right),
            }
            debt
        }
    }

    #[actix::test]
    async fn an_answer_is_given_at_once_later_or_never() {
        let debtor = Debtor(None).start();
        assert_eq!(debtor.send(Do("give")).await, Ok(()));
        assert_eq!(debtor.send(Do("drop")).await, Err(MailboxError::Closed));
        let (kept, gave) = tokio::join!(debtor.send(Do("keep")), debtor.send(Do("give the kept")));
        assert_eq!((kept, gave), (Ok(()), Ok(())));
    }
}
