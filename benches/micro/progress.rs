//! The step of the state machine that interprets a response.

use std::hint::black_box;

use consul_watch_actors::bench_support::Steps;
use consul_watch_actors::{Outcome, Position, QueryResponse};
use criterion::Criterion;

pub(crate) fn progress(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("progress");
    group.bench_function("news", |bench| {
        let (mut steps, mut index) = (Steps::new(), 0);
        bench.iter(|| {
            index += 1;
            black_box(steps.step(answer(index, Outcome::Value(index))))
        });
    });
    group.bench_function("no news", |bench| {
        let (mut steps, mut index) = (Steps::<u64>::new(), 0);
        bench.iter(|| {
            index += 1;
            black_box(steps.step(answer(index, Outcome::Unchanged)))
        });
    });
    group.finish();
}

fn answer(index: u64, outcome: Outcome<u64>) -> QueryResponse<u64> {
    QueryResponse {
        position: Position::Index(index),
        outcome,
        last_contact: None,
    }
}
