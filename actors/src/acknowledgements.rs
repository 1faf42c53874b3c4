//! Taking in what subscribers answer.

use std::{
    pin::Pin,
    task::{self, Poll},
};

use actix::prelude::*;

use crate::deliveries::{Answered, Deliveries};

/// An actor that sends updates and is told when they are handled.
pub(crate) trait Delivers: Actor {
    type Update: Message<Result = ()> + Send;

    fn deliveries(&mut self) -> &mut Deliveries<Self::Update>;

    /// A subscriber has answered, or its mailbox has.
    fn settled(&mut self, answered: Answered<()>, ctx: &mut Self::Context);
}

/// The future of such an actor that does so, as long as the actor lives.
pub(crate) struct Acknowledgements;

impl<A: Delivers> ActorFuture<A> for Acknowledgements {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut A,
        ctx: &mut A::Context,
        task: &mut task::Context<'_>,
    ) -> Poll<()> {
        loop {
            // Those who were busy may be owed the next one, which goes to all of them together.
            if !actor.deliveries().is_empty() {
                actor.deliveries().gather();
            }
            while let Poll::Ready(answered) = actor.deliveries().poll_answer(task) {
                actor.settled(answered, ctx);
            }
            if !actor.deliveries().dispatch() {
                return Poll::Pending;
            }
        }
    }
}
