//! The future by which an actor takes in its subscribers' acknowledgements.

use std::{
    pin::Pin,
    task::{self, Poll},
};

use actix::prelude::*;

use super::in_flight::{Acknowledgement, InFlight, Outbox};

/// The number of acknowledgements taken in before messages and other futures get their turn.
const MAX_PER_POLL: usize = 256;

/// An actor that sends updates.
pub(crate) trait DeliveryHost: Actor {
    fn in_flight(&mut self) -> &mut InFlight;

    /// A subscriber has acknowledged its update, or lost it.
    fn acknowledged(&mut self, acknowledgement: Acknowledgement, ctx: &mut Self::Context);
}

/// Takes in acknowledgements as long as the actor lives.
pub(crate) struct DriveDeliveries;

impl<A: DeliveryHost> ActorFuture<A> for DriveDeliveries {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut A,
        ctx: &mut A::Context,
        task: &mut task::Context<'_>,
    ) -> Poll<()> {
        for _ in 0..MAX_PER_POLL {
            match actor.in_flight().poll_ack(task) {
                Poll::Ready(acknowledgement) => actor.acknowledged(acknowledgement, ctx),
                Poll::Pending => return Poll::Pending,
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }
}
