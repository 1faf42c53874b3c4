//! The queue, event by event.

use proptest::prelude::*;

use super::*;

const RETRYING: Candidate = Candidate {
    retrying: true,
    attempts: 1,
    subscribers: 1,
};
const FIRST: Candidate = Candidate {
    retrying: false,
    attempts: 0,
    subscribers: 1,
};

fn backoff() -> Backoff {
    Backoff::default().with_seed(7)
}

/// A queue whose server is down, with these candidates in it.
fn down(candidates: &[Candidate], now: Instant) -> (Queue, Vec<Ticket>) {
    let mut queue = Queue::default();
    assert!(queue.record_outage(None, &mut backoff(), now).is_some());
    let tickets = candidates
        .iter()
        .map(|candidate| queue.enqueue(*candidate).unwrap())
        .collect();
    (queue, tickets)
}

fn is_admitted(queue: &mut Queue, ticket: Ticket, now: Instant) -> bool {
    queue.poll_admission(ticket, Waker::noop(), now) == Admission::Admitted
}

/// The tickets that may query, by their number.
fn admitted(queue: &mut Queue, tickets: &[Ticket], now: Instant) -> Vec<usize> {
    queue.advance(now);
    (0..tickets.len())
        .filter(|n| is_admitted(queue, tickets[*n], now))
        .collect()
}

#[test]
fn a_first_attempt_needs_no_ticket_while_the_server_is_up() {
    let mut queue = Queue::default();
    assert_eq!(queue.enqueue(FIRST), None);
    assert!(queue.enqueue(RETRYING).is_some());
    assert!(
        queue.enqueue(FIRST).is_some(),
        "it does not overtake those that wait"
    );
}

#[test]
fn fewest_failures_probe_first_and_then_most_subscribers() {
    let now = Instant::now();
    let candidates =
        [(3, 9), (1, 2), (1, 5), (1, 5), (2, 9)].map(|(attempts, subscribers)| Candidate {
            retrying: true,
            attempts,
            subscribers,
        });
    let (mut queue, tickets) = down(&candidates, now);
    assert_eq!(
        admitted(&mut queue, &tickets, now),
        [] as [usize; 0],
        "not before the pause is over"
    );
    let mut now = queue.next_probe_at().unwrap();
    assert_eq!(admitted(&mut queue, &tickets, now), [2]);
    assert_eq!(
        admitted(&mut queue, &tickets, now + ReconnectGate::PROBE_TIMEOUT / 2),
        [2],
        "one at a time"
    );
    now += ReconnectGate::PROBE_TIMEOUT;
    assert_eq!(
        admitted(&mut queue, &tickets, now),
        [2, 3],
        "unless it takes too long"
    );
    queue.dequeue(tickets[3], now);
    assert_eq!(
        admitted(&mut queue, &tickets, now),
        [1, 2, 3],
        "a probe that was not made passes to the next"
    );
    queue.record_success(now);
    assert_eq!(admitted(&mut queue, &tickets, now), [0, 1, 2, 3, 4]);
}

#[test]
fn pauses_grow_until_the_server_was_up_for_long() {
    let (mut queue, mut now) = (Queue::default(), Instant::now());
    let mut backoff = backoff();
    for failures in 0..100 {
        let ticket = queue.enqueue(RETRYING).unwrap();
        now = queue.next_probe_at().unwrap_or(now);
        queue.advance(now);
        let pause = queue
            .record_outage(Some(ticket), &mut backoff, now)
            .unwrap();
        let most = Backoff::DEFAULT_BASE
            .saturating_mul(1 << failures.min(20))
            .min(ReconnectGate::MAX_PROBE_INTERVAL);
        assert!(pause <= most, "{pause:?}");
        if failures % 10 == 0 {
            queue.record_success(now);
            now += Duration::from_secs(9);
        }
    }
    queue.record_success(now);
    assert!(
        queue
            .record_outage(None, &mut backoff, now + Duration::from_secs(10))
            .unwrap()
            <= Backoff::DEFAULT_BASE
    );
    assert_eq!(
        queue.record_outage(None, &mut backoff, now),
        None,
        "a second report of one outage sets no time"
    );
}

#[test]
fn no_watch_starves() {
    let now = Instant::now();
    let mut queue = Queue::default();
    let crowd = |queue: &mut Queue| {
        queue
            .enqueue(Candidate {
                subscribers: 1000,
                ..RETRYING
            })
            .unwrap()
    };
    let mut busy: Vec<_> = (0..2 * ReconnectGate::MAX_CONCURRENT)
        .map(|_| crowd(&mut queue))
        .collect();
    queue.advance(now);
    let small = queue.enqueue(RETRYING).unwrap();
    let mut rounds = 0;
    while !is_admitted(&mut queue, small, now) {
        rounds += 1;
        assert!(
            rounds < 5 * ReconnectGate::MAX_CONCURRENT,
            "those with more subscribers overtake it again and again"
        );
        let admitted = busy
            .iter()
            .position(|ticket| is_admitted(&mut queue, *ticket, now))
            .unwrap();
        queue.dequeue(busy.swap_remove(admitted), now);
        busy.push(crowd(&mut queue));
        queue.advance(now);
    }
}

#[derive(Debug, Clone)]
enum Event {
    Come {
        retrying: bool,
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
            .prop_map(|(retrying, attempts, subscribers)| Event::Come { retrying, attempts, subscribers }),
        3 => (0u64..4000).prop_map(Event::Pass),
        1 => any::<usize>().prop_map(Event::Leave),
        2 => any::<usize>().prop_map(Event::Fails),
        1 => Just(Event::Answered),
    ]
}

proptest! {
    #[test]
    fn no_storm_and_no_watch_is_left_behind(events in prop::collection::vec(event(), 1..300)) {
        let mut queue = Queue::default();
        let mut backoff = backoff();
        let mut now = Instant::now();
        let mut present: Vec<Ticket> = Vec::new();
        for event in events {
            match event {
                Event::Come { retrying, attempts, subscribers } => {
                    present.extend(queue.enqueue(Candidate { retrying, attempts, subscribers }));
                }
                Event::Pass(millis) => now += Duration::from_millis(millis),
                Event::Leave(n) if !present.is_empty() => {
                    let at = n % present.len();
                    queue.dequeue(present.swap_remove(at), now);
                }
                Event::Fails(n) if !present.is_empty() => {
                    let ticket = present[n % present.len()];
                    if is_admitted(&mut queue, ticket, now) {
                        queue.record_outage(Some(ticket), &mut backoff, now);
                        present.retain(|other| *other != ticket);
                    }
                }
                Event::Answered => drop(queue.record_success(now)),
                Event::Leave(_) | Event::Fails(_) => {}
            }
            queue.advance(now);
            prop_assert!(queue.counted(now).count() <= ReconnectGate::MAX_CONCURRENT + 1);
            for ticket in &present {
                if let Admission::Pending(at) = queue.poll_admission(*ticket, Waker::noop(), now) {
                    prop_assert!(at > now && at <= now + ReconnectGate::MAX_PROBE_INTERVAL + ReconnectGate::PROBE_TIMEOUT, "it is checked again in time");
                }
            }
        }
        // Whatever hangs, the clock is enough once the server is back.
        queue.record_success(now);
        for _ in 0..=present.len() / ReconnectGate::MAX_CONCURRENT + 1 {
            now += ReconnectGate::PROBE_TIMEOUT;
            queue.advance(now);
        }
        for ticket in present {
            prop_assert!(is_admitted(&mut queue, ticket, now));
        }
    }
}
