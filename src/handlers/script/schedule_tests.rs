use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use proptest::prelude::*;

use super::*;

/// A state of one of a few lanes, and the list it is acknowledged in.
#[derive(Debug, Clone)]
struct Numbered {
    lane: u8,
    number: u32,
    acknowledged: Rc<RefCell<Vec<u32>>>,
    covers: Vec<u32>,
}

impl Task for Numbered {
    type Lane = u8;

    fn lane(&self) -> &u8 {
        &self.lane
    }

    fn cover(&mut self, mut older: Self) {
        assert!(
            older.number < self.number,
            "an older one takes a newer one's place"
        );
        older.acknowledge();
        self.covers.extend(older.covers);
        self.covers.push(older.number);
    }

    fn acknowledge(&mut self) {
        let mut all = self.acknowledged.borrow_mut();
        if !all.contains(&self.number) {
            all.push(self.number);
        }
    }
}

struct Bench {
    schedule: Schedule<Numbered>,
    acknowledged: Rc<RefCell<Vec<u32>>>,
    now: Instant,
    number: u32,
}

impl Bench {
    fn new(mode: Mode) -> Self {
        Self {
            schedule: Schedule::new(mode),
            acknowledged: Rc::default(),
            now: Instant::now(),
            number: 0,
        }
    }

    fn arrive(&mut self, lane: u8) -> u32 {
        self.number += 1;
        let acknowledged = Rc::clone(&self.acknowledged);
        let task = Numbered {
            lane,
            number: self.number,
            acknowledged,
            covers: Vec::new(),
        };
        self.schedule.arrived(task, self.now);
        self.number
    }

    fn run(&mut self) -> (Ticket, Numbered) {
        match self.schedule.next(self.now) {
            Next::Run(ticket, task) => (ticket, task),
            other => panic!("expected a run, got {other:?}"),
        }
    }

    fn acknowledged(&self) -> Vec<u32> {
        self.acknowledged.borrow().clone()
    }
}

#[test]
fn folding_runs_the_newest_and_acknowledges_at_the_end() {
    let mut bench = Bench::new(Mode::Fold);
    bench.arrive(0);
    let (ticket, first) = bench.run();
    for _ in 0..3 {
        bench.arrive(0);
        assert!(
            matches!(bench.schedule.next(bench.now), Next::Idle),
            "one at a time"
        );
    }
    assert_eq!(
        bench.acknowledged(),
        [2, 3],
        "only those that were replaced"
    );
    bench.schedule.ended(ticket, first, None);
    let (_, newest) = bench.run();
    assert_eq!((newest.number, newest.covers), (4, vec![2, 3]));
    assert_eq!(bench.acknowledged(), [2, 3, 1]);
}

#[test]
fn a_newer_state_takes_the_place_of_a_failed_one_at_once() {
    let mut bench = Bench::new(Mode::Fold);
    bench.arrive(0);
    let (ticket, first) = bench.run();
    let later = bench.now + Duration::from_secs(9);
    bench.schedule.ended(ticket, first, Some(later));
    assert_eq!(bench.acknowledged(), [1], "so that the newer one may come");
    assert!(matches!(bench.schedule.next(bench.now), Next::Wait(at) if at == later));
    bench.arrive(0);
    let (_, newer) = bench.run();
    assert_eq!((newer.number, newer.covers), (2, vec![1]));
    bench.now = later;
    assert!(matches!(bench.schedule.next(bench.now), Next::Idle));
}

#[test]
fn one_that_fails_while_a_newer_one_waits_is_not_tried_again() {
    let mut bench = Bench::new(Mode::Fold);
    bench.arrive(0);
    let (ticket, first) = bench.run();
    bench.arrive(0);
    bench.schedule.ended(ticket, first, Some(bench.now));
    assert_eq!((bench.run().1.number, bench.schedule.waiting()), (2, 0));
}

#[test]
fn a_queue_holds_back_whoever_finds_it_full() {
    let mut bench = Bench::new(Mode::Queue(2));
    bench.arrive(0);
    let (ticket, first) = bench.run();
    for _ in 0..3 {
        bench.arrive(0);
    }
    assert_eq!(
        bench.acknowledged(),
        [1, 2, 3],
        "the last one finds no room"
    );
    bench.arrive(0);
    assert_eq!(
        bench.acknowledged(),
        [1, 2, 3, 4],
        "and is replaced by one that finds none either"
    );
    bench.schedule.ended(ticket, first, Some(bench.now));
    let order: Vec<u32> = std::iter::from_fn(|| match bench.schedule.next(bench.now) {
        Next::Run(ticket, task) => {
            let number = task.number;
            bench.schedule.ended(ticket, task, None);
            Some(number)
        }
        _ => None,
    })
    .collect();
    assert_eq!(order, [1, 2, 3, 5], "a failed one comes first");
}

#[test]
fn in_parallel_a_failed_one_gives_way_to_a_newer_run() {
    let mut bench = Bench::new(Mode::Parallel(2));
    bench.arrive(0);
    let (old, first) = bench.run();
    bench.arrive(0);
    let (new, second) = bench.run();
    assert_eq!(bench.acknowledged(), [1, 2]);
    bench.arrive(0);
    assert!(matches!(bench.schedule.next(bench.now), Next::Idle));
    bench.schedule.ended(new, second, None);
    let (last, third) = bench.run();
    bench.schedule.ended(old, first, Some(bench.now));
    assert_eq!(bench.schedule.waiting(), 0, "two newer ones were run");
    bench.schedule.ended(last, third, Some(bench.now));
    assert_eq!(bench.run().1.number, 3);
}

#[derive(Debug, Clone)]
enum Event {
    Arrive(u8),
    Start,
    End { which: usize, failed: bool },
    Pass,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0..3u8).prop_map(Event::Arrive),
        3 => Just(Event::Start),
        3 => (0..4usize, any::<bool>()).prop_map(|(which, failed)| Event::End { which, failed }),
        1 => Just(Event::Pass),
    ]
}

proptest! {
    #[test]
    fn the_newest_state_of_each_lane_is_handled_and_none_twice(
        mode in prop_oneof![Just(Mode::Fold), (1..4usize).prop_map(Mode::Queue), (1..4usize).prop_map(Mode::Parallel)],
        events in prop::collection::vec(event(), 1..80),
    ) {
        let mut bench = Bench::new(mode);
        let slots = if let Mode::Parallel(most) = mode { most } else { 1 };
        let mut running: Vec<(Ticket, Numbered)> = Vec::new();
        let mut handled: BTreeMap<u8, Vec<u32>> = BTreeMap::new();
        let mut newest: BTreeMap<u8, u32> = BTreeMap::new();
        let mut accepted = 0;
        let peace = (0..400).flat_map(|_| [Event::Pass, Event::Start, Event::End { which: 0, failed: false }]);
        for event in events.into_iter().chain(peace) {
            match event {
                Event::Arrive(lane) => {
                    let number = bench.arrive(lane);
                    newest.insert(lane, number);
                    accepted += 1;
                }
                Event::Start => if let Next::Run(ticket, task) = bench.schedule.next(bench.now) {
                    prop_assert!(!running.iter().any(|(_, other)| other.number == task.number), "at once twice");
                    running.push((ticket, task));
                    prop_assert!(running.len() <= slots);
                },
                Event::End { which, failed } if which < running.len() => {
                    let (ticket, task) = running.remove(which);
                    if !failed { handled.entry(task.lane).or_default().push(task.number); }
                    bench.schedule.ended(ticket, task, failed.then(|| bench.now + Duration::from_secs(1)));
                }
                Event::End { .. } => {}
                Event::Pass => bench.now += Duration::from_secs(2),
            }
        }
        prop_assert!(running.is_empty() && bench.schedule.waiting() == 0, "all is done in the end");
        for (lane, number) in newest {
            let runs = &handled[&lane];
            prop_assert!(runs.contains(&number), "the newest of lane {lane} is among {runs:?}");
            let mut once = runs.clone();
            once.sort_unstable();
            once.dedup();
            prop_assert_eq!(once.len(), runs.len(), "none twice: {:?}", runs);
            if !matches!(mode, Mode::Parallel(_)) {
                prop_assert!(runs.is_sorted(), "in order: {runs:?}");
            }
        }
        prop_assert_eq!(bench.acknowledged().len(), accepted, "each sender is let go on");
    }
}
