//! What a wider value lacks is believed when the query's own answer says so too.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use actix::prelude::*;
use futures_util::{FutureExt, future::abortable};
use tokio::{sync::oneshot, time::Instant};

use super::{CoveredActor, branch::Asking, part};
use crate::{Answer, Cursor, Failure, Outcome, Query, Request, Source};

/// How many queries are on their way at once to confirm what is missing.
const MOST_ASKING: usize = 16;

/// How often a query may be answered otherwise than the wider one, before it is asked by itself for good.
const MOST_CONTRADICTED: u32 = 8;

/// How often of these it is asked again without a pause, where the wider value is another one by then.
const MAX_CONCURRENT: u32 = 2;

impl<Q: Query> CoveredActor<Q> {
    /// Asks for this one when it is its turn.
    pub(super) fn enqueue(&mut self, number: u64, ctx: &mut Context<Self>) {
        self.to_confirm.push_back(number);
        self.confirm(ctx);
    }

    /// Asks for the next ones of those whose part is to be confirmed.
    fn confirm(&mut self, ctx: &mut Context<Self>) {
        while self.asking < MOST_ASKING {
            let Some(number) = self.to_confirm.pop_front() else {
                return;
            };
            let Some(branch) = self.branches.get_mut(&number) else {
                continue;
            };
            let waits = branch
                .doubt
                .as_mut()
                .filter(|doubt| doubt.asking.is_none() && !doubt.pausing);
            let Some(doubt) = waits else { continue };
            let client = match self.client.take().map_or_else(|| self.source.connect(), Ok) {
                Ok(client) => self.client.insert(client).clone(),
                Err(failure) => {
                    self.confirmed(number, Err(failure), ctx);
                    continue;
                }
            };
            let previous = branch
                .feeds
                .progress
                .current()
                .map(|version| Arc::clone(&version.value));
            let request = Request {
                cursor: Cursor::Start,
                previous,
            };
            let (query, places) = (Arc::clone(&branch.link.query), self.places.clone());
            let (guard, closed) = oneshot::channel::<()>();
            let (asked, abort) = abortable(async move {
                // Dropped in the opposite order: the request is closed, and that is told.
                let _guard = guard;
                let _brief = match places {
                    Some(places) => places.short_permit().await,
                    None => None,
                };
                // Its panic must not reach those it shares the actor with.
                AssertUnwindSafe(async { query.run(&client, request).await })
                    .catch_unwind()
                    .await
            });
            doubt.asking = Some(Asking { abort, closed });
            self.asking += 1;
            ctx.spawn(asked.into_actor(self).map(move |answer, actor, ctx| {
                actor.asking -= 1;
                match answer {
                    Ok(Ok(answer)) => actor.confirmed(number, answer, ctx),
                    Ok(Err(_)) => actor.uncover(number, ctx),
                    // Nobody wants to know any more.
                    Err(_) => {}
                }
                actor.confirm(ctx);
            }));
        }
    }

    /// The query was asked by itself.
    fn confirmed(
        &mut self,
        number: u64,
        answer: Result<Answer<Q::Value>, Failure>,
        ctx: &mut Context<Self>,
    ) {
        let Some(branch) = self.branches.get_mut(&number) else {
            return;
        };
        let Some(mut doubt) = branch.doubt.take() else {
            return;
        };
        doubt.asking = None;
        let Some(part) = part(&*self.source, branch, &doubt.whole) else {
            return self.uncover(number, ctx);
        };
        let stale = std::mem::take(&mut doubt.stale);
        let (at_least, at_once) = match answer {
            Ok(answer) => match says_the_same(&answer.outcome, &part.outcome) {
                Some(true) => {
                    self.take_in(number, part, ctx);
                    if stale {
                        self.cut(number, ctx);
                    }
                    return;
                }
                // One of the two is older, and what makes them alike is on its way.
                Some(false) if doubt.contradicted + 1 < MOST_CONTRADICTED => {
                    doubt.contradicted += 1;
                    (None, stale && doubt.contradicted <= MAX_CONCURRENT)
                }
                _ => return self.uncover(number, ctx),
            },
            Err(failure) if failure.class().is_of_the_query() => return self.uncover(number, ctx),
            Err(failure) => (failure.retry_after(), false),
        };
        doubt.pausing = true;
        let pause = doubt
            .backoff
            .failed(Instant::now())
            .max(at_least.unwrap_or_default());
        let attempt = doubt.backoff.attempt();
        branch.doubt = Some(doubt);
        if stale {
            self.cut(number, ctx);
        }
        if at_once {
            self.ask_again(number, attempt, ctx);
        } else {
            ctx.run_later(pause, move |actor, ctx| {
                actor.ask_again(number, attempt, ctx);
            });
        }
    }

    /// The pause after this attempt is over.
    fn ask_again(&mut self, number: u64, attempt: u32, ctx: &mut Context<Self>) {
        let doubt = self
            .branches
            .get_mut(&number)
            .and_then(|branch| branch.doubt.as_mut());
        // What was in doubt then may have been cleared up, and something else be in doubt now.
        if let Some(doubt) =
            doubt.filter(|doubt| doubt.pausing && doubt.backoff.attempt() == attempt)
        {
            doubt.pausing = false;
            self.enqueue(number, ctx);
        }
    }

    /// Asks afresh where a query is on its way or pausing; the future resolves when the old one is closed.
    pub(super) fn ask_afresh(
        &mut self,
        number: u64,
        ctx: &mut Context<Self>,
    ) -> Option<impl Future<Output = ()> + 'static + use<Q>> {
        let doubt = self.branches.get_mut(&number)?.doubt.as_mut()?;
        let asking = doubt.asking.take();
        // One that waits for its turn is still in the line.
        if asking.is_some() || std::mem::take(&mut doubt.pausing) {
            doubt.contradicted = 0;
            doubt.backoff.reset();
            self.enqueue(number, ctx);
        }
        Some(Asking::close(asking))
    }
}

/// Whether a query's own answer agrees with its part of the wider value; `None` if comparing them panics.
fn says_the_same<V: PartialEq>(own: &Outcome<V>, part: &Outcome<V>) -> Option<bool> {
    let same = || match (own, part) {
        (Outcome::Value(own), Outcome::Value(part)) => own == part,
        (Outcome::Unchanged, Outcome::Unchanged) => true,
        _ => false,
    };
    catch_unwind(AssertUnwindSafe(same)).ok()
}
