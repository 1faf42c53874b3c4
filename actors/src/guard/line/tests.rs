//! The line, event by event.

use proptest::prelude::*;

use super::*;

const AGAIN: Comer = Comer {
    again: true,
    attempts: 1,
    subscribers: 1,
};
const FRESH: Comer = Comer {
    again: false,
    attempts: 0,
    subscribers: 1,
};

fn backoff() -> Backoff {
    Backoff::default().with_seed(7)
}

/// A line whose server is away, and these in it.
fn away(comers: &[Comer], now: Instant) -> (Line, Vec<Standing>) {
    let mut line = Line::default();
    assert!(line.lost(None, &mut backoff(), now).is_some());
    let standings = comers
        .iter()
        .map(|comer| line.enter(*comer).unwrap())
        .collect();
    (line, standings)
}

fn may_ask(line: &mut Line, standing: Standing, now: Instant) -> bool {
    line.look(standing, Waker::noop(), now) == Verdict::Ask
}

/// Those that may ask, by their number.
fn asking(line: &mut Line, standings: &[Standing], now: Instant) -> Vec<usize> {
    line.advance(now);
    (0..standings.len())
        .filter(|n| may_ask(line, standings[*n], now))
        .collect()
}

#[test]
fn who_comes_when_all_is_well_needs_no_turn() {
    let mut line = Line::default();
    assert_eq!(line.enter(FRESH), None);
    assert!(line.enter(AGAIN).is_some());
    assert!(
        line.enter(FRESH).is_some(),
        "it does not go ahead of who is waiting"
    );
}

#[test]
fn the_one_that_failed_least_often_asks_first_and_then_the_one_with_most_subscribers() {
    let now = Instant::now();
    let comers = [(3, 9), (1, 2), (1, 5), (1, 5), (2, 9)].map(|(attempts, subscribers)| Comer {
        again: true,
        attempts,
        subscribers,
    });
    let (mut line, standings) = away(&comers, now);
    assert_eq!(
        asking(&mut line, &standings, now),
        [] as [usize; 0],
        "not before the pause is over"
    );
    let mut now = line.next_probe().unwrap();
    assert_eq!(asking(&mut line, &standings, now), [2]);
    assert_eq!(
        asking(
            &mut line,
            &standings,
            now + ReconnectGate::PROBE_TIMEOUT / 2
        ),
        [2],
        "one at a time"
    );
    now += ReconnectGate::PROBE_TIMEOUT;
    assert_eq!(
        asking(&mut line, &standings, now),
        [2, 3],
        "unless it takes too long"
    );
    line.leave(standings[3], now);
    assert_eq!(
        asking(&mut line, &standings, now),
        [1, 2, 3],
        "what it did not use is the next one's"
    );
    line.found(now);
    assert_eq!(asking(&mut line, &standings, now), [0, 1, 2, 3, 4]);
}

#[test]
fn pauses_grow_until_it_was_well_for_long() {
    let (mut line, mut now) = (Line::default(), Instant::now());
    let mut backoff = backoff();
    for failures in 0..100 {
        let standing = line.enter(AGAIN).unwrap();
        now = line.next_probe().unwrap_or(now);
        line.advance(now);
        let pause = line.lost(Some(standing), &mut backoff, now).unwrap();
        let most = Backoff::DEFAULT_BASE
            .saturating_mul(1 << failures.min(20))
            .min(ReconnectGate::MAX_PROBE_INTERVAL);
        assert!(pause <= most, "{pause:?}");
        if failures % 10 == 0 {
            line.found(now);
            now += Duration::from_secs(9);
        }
    }
    line.found(now);
    assert!(
        line.lost(None, &mut backoff, now + Duration::from_secs(10))
            .unwrap()
            <= Backoff::DEFAULT_BASE
    );
    assert_eq!(
        line.lost(None, &mut backoff, now),
        None,
        "who only finds the same sets no time"
    );
}

#[test]
fn nobody_is_overtaken_for_ever() {
    let now = Instant::now();
    let mut line = Line::default();
    let crowd = |line: &mut Line| {
        line.enter(Comer {
            subscribers: 1000,
            ..AGAIN
        })
        .unwrap()
    };
    let mut busy: Vec<_> = (0..2 * ReconnectGate::MAX_CONCURRENT)
        .map(|_| crowd(&mut line))
        .collect();
    line.advance(now);
    let small = line.enter(AGAIN).unwrap();
    let mut rounds = 0;
    while !may_ask(&mut line, small, now) {
        rounds += 1;
        assert!(
            rounds < 5 * ReconnectGate::MAX_CONCURRENT,
            "those with more subscribers go first again and again"
        );
        let asks = busy
            .iter()
            .position(|standing| may_ask(&mut line, *standing, now))
            .unwrap();
        line.leave(busy.swap_remove(asks), now);
        busy.push(crowd(&mut line));
        line.advance(now);
    }
}

#[derive(Debug, Clone)]
enum Event {
    Come {
        again: bool,
        attempts: u32,
        subscribers: usize,
    },
    Pass(u64),
    Leave(usize),
    Fails(usize),
    Answered,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (any::<bool>(), 0u32..5, 0usize..20)
            .prop_map(|(again, attempts, subscribers)| Event::Come { again, attempts, subscribers }),
        3 => (0u64..4000).prop_map(Event::Pass),
        1 => any::<usize>().prop_map(Event::Leave),
        2 => any::<usize>().prop_map(Event::Fails),
        1 => Just(Event::Answered),
    ]
}

proptest! {
    #[test]
    fn no_storm_and_nobody_left_behind(events in prop::collection::vec(event(), 1..300)) {
        let mut line = Line::default();
        let mut backoff = backoff();
        let mut now = Instant::now();
        let mut there: Vec<Standing> = Vec::new();
        for event in events {
            match event {
                Event::Come { again, attempts, subscribers } => {
                    there.extend(line.enter(Comer { again, attempts, subscribers }));
                }
                Event::Pass(millis) => now += Duration::from_millis(millis),
                Event::Leave(n) if !there.is_empty() => {
                    let at = n % there.len();
                    line.leave(there.swap_remove(at), now);
                }
                Event::Fails(n) if !there.is_empty() => {
                    let standing = there[n % there.len()];
                    if may_ask(&mut line, standing, now) {
                        line.lost(Some(standing), &mut backoff, now);
                        there.retain(|other| *other != standing);
                    }
                }
                Event::Answered => line.found(now),
                Event::Leave(_) | Event::Fails(_) => {}
            }
            line.advance(now);
            prop_assert!(line.counted(now).count() <= ReconnectGate::MAX_CONCURRENT + 1);
            for standing in &there {
                if let Verdict::Wait(at) = line.look(*standing, Waker::noop(), now) {
                    prop_assert!(at > now && at <= now + ReconnectGate::MAX_PROBE_INTERVAL + ReconnectGate::PROBE_TIMEOUT, "it is looked at again in time");
                }
            }
        }
        // Whatever was left hanging: looking at the clock is enough, once the server is back.
        line.found(now);
        for _ in 0..=there.len() / ReconnectGate::MAX_CONCURRENT + 1 {
            now += ReconnectGate::PROBE_TIMEOUT;
            line.advance(now);
        }
        for standing in there {
            prop_assert!(may_ask(&mut line, standing, now));
        }
    }
}
