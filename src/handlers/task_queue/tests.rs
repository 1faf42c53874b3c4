use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use proptest::prelude::*;

use super::*;

/// A state of one of a few streams, and the list it is acknowledged in.
#[derive(Debug, Clone)]
struct Numbered {
    stream: u8,
    number: u32,
    acknowledged: Rc<RefCell<Vec<u32>>>,
    supersedes: Vec<u32>,
}

impl Task for Numbered {
    type Stream = u8;

    fn stream(&self) -> &u8 {
        &self.stream
    }

    fn supersede(&mut self, mut older: Self) {
        assert!(
            older.number < self.number,
            "an older one takes a newer one's place"
        );
        older.acknowledge();
        self.supersedes.extend(older.supersedes);
        self.supersedes.push(older.number);
    }

    fn acknowledge(&mut self) {
        let mut all = self.acknowledged.borrow_mut();
        if !all.contains(&self.number) {
            all.push(self.number);
        }
    }
}

struct Fixture {
    queue: TaskQueue<Numbered>,
    acknowledged: Rc<RefCell<Vec<u32>>>,
    now: Instant,
    number: u32,
}

impl Fixture {
    fn new(mode: QueueMode) -> Self {
        Self {
            queue: TaskQueue::new(mode),
            acknowledged: Rc::default(),
            now: Instant::now(),
            number: 0,
        }
    }

    fn arrive(&mut self, stream: u8) -> u32 {
        self.number += 1;
        let acknowledged = Rc::clone(&self.acknowledged);
        let task = Numbered {
            stream,
            number: self.number,
            acknowledged,
            supersedes: Vec::new(),
        };
        self.queue.arrived(task, self.now);
        self.number
    }

    fn run(&mut self) -> (TaskId, Numbered) {
        match self.queue.next(self.now) {
            NextTask::Run(id, task) => (id, task),
            other => panic!("expected a run, got {other:?}"),
        }
    }

    fn is_idle(&mut self) -> bool {
        matches!(self.queue.next(self.now), NextTask::Idle)
    }

    fn waits_until(&mut self, time: Instant) -> bool {
        matches!(self.queue.next(self.now), NextTask::Wait(at) if at == time)
    }

    fn acknowledged(&self) -> Vec<u32> {
        self.acknowledged.borrow().clone()
    }
}

fn retry(at: Instant) -> RetryAt {
    RetryAt { at, binding: false }
}

fn asked_to_wait_until(at: Instant) -> RetryAt {
    RetryAt { at, binding: true }
}

#[test]
fn coalescing_runs_the_newest_and_acknowledges_at_the_end() {
    let mut fixture = Fixture::new(QueueMode::Coalesce);
    fixture.arrive(0);
    let (id, first) = fixture.run();
    for _ in 0..3 {
        fixture.arrive(0);
        assert!(fixture.is_idle(), "one at a time");
    }
    assert_eq!(
        fixture.acknowledged(),
        [2, 3],
        "only those that were replaced"
    );
    fixture.queue.ended(id, first, None);
    let (_, newest) = fixture.run();
    assert_eq!((newest.number, newest.supersedes), (4, vec![2, 3]));
    assert_eq!(fixture.acknowledged(), [2, 3, 1]);
}

#[test]
fn a_newer_state_replaces_a_failed_one_at_once() {
    let mut fixture = Fixture::new(QueueMode::Coalesce);
    fixture.arrive(0);
    let (id, first) = fixture.run();
    let later = fixture.now + Duration::from_secs(9);
    fixture.queue.ended(id, first, Some(retry(later)));
    assert_eq!(
        fixture.acknowledged(),
        [1],
        "so that the newer one may come"
    );
    assert!(fixture.waits_until(later));
    fixture.arrive(0);
    let (_, newer) = fixture.run();
    assert_eq!((newer.number, newer.supersedes), (2, vec![1]));
    fixture.now = later;
    assert!(fixture.is_idle());
}

#[test]
fn a_task_that_fails_while_a_newer_one_waits_is_not_retried() {
    let mut fixture = Fixture::new(QueueMode::Coalesce);
    fixture.arrive(0);
    let (id, first) = fixture.run();
    fixture.arrive(0);
    fixture.queue.ended(id, first, Some(retry(fixture.now)));
    assert_eq!((fixture.run().1.number, fixture.queue.waiting()), (2, 0));
}

#[test]
fn a_full_queue_holds_its_senders_back() {
    let mut fixture = Fixture::new(QueueMode::Queue(2));
    fixture.arrive(0);
    let (id, first) = fixture.run();
    for _ in 0..3 {
        fixture.arrive(0);
    }
    assert_eq!(
        fixture.acknowledged(),
        [1, 2, 3],
        "the last one finds no room"
    );
    fixture.arrive(0);
    assert_eq!(
        fixture.acknowledged(),
        [1, 2, 3, 4],
        "and is replaced by one that finds none either"
    );
    fixture.queue.ended(id, first, Some(retry(fixture.now)));
    let order: Vec<u32> = std::iter::from_fn(|| match fixture.queue.next(fixture.now) {
        NextTask::Run(id, task) => {
            let number = task.number;
            fixture.queue.ended(id, task, None);
            Some(number)
        }
        _ => None,
    })
    .collect();
    assert_eq!(order, [1, 2, 3, 5], "a failed one comes first");
}

#[test]
fn in_parallel_a_failed_task_yields_to_a_newer_one_that_ran() {
    let mut fixture = Fixture::new(QueueMode::Parallel(2));
    fixture.arrive(0);
    let (old, first) = fixture.run();
    fixture.arrive(0);
    let (new, second) = fixture.run();
    assert_eq!(fixture.acknowledged(), [1, 2]);
    fixture.arrive(0);
    assert!(fixture.is_idle());
    fixture.queue.ended(new, second, None);
    let (last, third) = fixture.run();
    fixture.queue.ended(old, first, Some(retry(fixture.now)));
    assert_eq!(fixture.queue.waiting(), 0, "two newer ones were run");
    fixture.queue.ended(last, third, Some(retry(fixture.now)));
    assert_eq!(fixture.run().1.number, 3);
}

#[test]
fn in_parallel_a_failed_task_yields_to_a_newer_one_that_has_ended() {
    let mut fixture = Fixture::new(QueueMode::Parallel(2));
    fixture.arrive(0);
    let (old, first) = fixture.run();
    fixture.arrive(0);
    let (new, second) = fixture.run();
    fixture.queue.ended(new, second, None);
    fixture.queue.ended(old, first, Some(retry(fixture.now)));
    assert_eq!((fixture.queue.waiting(), fixture.queue.running()), (0, 0));
}

#[test]
fn streams_do_not_wait_for_each_other_where_each_has_a_task_of_its_own() {
    let mut fixture = Fixture::new(QueueMode::PerStream);
    fixture.arrive(0);
    let (id, first) = fixture.run();
    fixture.arrive(0);
    fixture.arrive(0);
    assert!(fixture.is_idle(), "one of this stream runs");
    fixture.arrive(1);
    let (other, fourth) = fixture.run();
    assert_eq!(fourth.number, 4);
    assert_eq!((fixture.queue.running(), fixture.queue.waiting()), (2, 1));
    fixture.queue.ended(id, first, None);
    let (id, third) = fixture.run();
    assert_eq!((third.number, &third.supersedes), (3, &vec![2]));
    fixture.queue.ended(id, third, None);
    fixture.queue.ended(other, fourth, None);
    assert_eq!((fixture.queue.running(), fixture.queue.waiting()), (0, 0));
}

#[test]
fn a_pause_that_the_receiver_asked_for_holds_for_newer_states_too() {
    let mut fixture = Fixture::new(QueueMode::PerStream);
    let later = fixture.now + Duration::from_secs(9);
    fixture.arrive(0);
    let (id, first) = fixture.run();
    fixture
        .queue
        .ended(id, first, Some(asked_to_wait_until(later)));
    for _ in 0..2 {
        fixture.arrive(0);
        assert!(fixture.waits_until(later));
    }
    fixture.arrive(1);
    assert_eq!(fixture.run().1.number, 4, "another stream does not wait");
    fixture.now = later;
    let (id, third) = fixture.run();
    assert_eq!(third.number, 3);
    // The same for one that has arrived before the failure.
    let later = fixture.now + Duration::from_secs(9);
    fixture.arrive(0);
    fixture
        .queue
        .ended(id, third, Some(asked_to_wait_until(later)));
    assert!(fixture.waits_until(later));
}

#[test]
fn what_waits_is_given_up_at_the_end() {
    let mut fixture = Fixture::new(QueueMode::PerStream);
    fixture.arrive(0);
    fixture.arrive(1);
    fixture.run();
    fixture.queue.clear();
    assert_eq!((fixture.queue.running(), fixture.queue.waiting()), (1, 0));
    assert_eq!(fixture.acknowledged(), [0; 0]);
}

#[derive(Debug, Clone)]
enum Event {
    Arrive(u8),
    Start,
    End {
        which: usize,
        failed: bool,
        binding: bool,
    },
    Pass,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0..3u8).prop_map(Event::Arrive),
        3 => Just(Event::Start),
        3 => (0..4usize, any::<bool>(), any::<bool>())
            .prop_map(|(which, failed, binding)| Event::End { which, failed, binding }),
        1 => Just(Event::Pass),
    ]
}

fn mode() -> impl Strategy<Value = QueueMode> {
    prop_oneof![
        Just(QueueMode::Coalesce),
        Just(QueueMode::PerStream),
        (1..4usize).prop_map(QueueMode::Queue),
        (1..4usize).prop_map(QueueMode::Parallel),
    ]
}

proptest! {
    #[test]
    fn the_newest_state_of_each_stream_is_handled_and_none_twice(
        mode in mode(),
        events in prop::collection::vec(event(), 1..80),
    ) {
        let mut fixture = Fixture::new(mode);
        let slots = match mode {
            QueueMode::Parallel(most) => most,
            QueueMode::PerStream => usize::MAX,
            QueueMode::Coalesce | QueueMode::Queue(_) => 1,
        };
        let mut running: Vec<(TaskId, Numbered)> = Vec::new();
        let mut handled: BTreeMap<u8, Vec<u32>> = BTreeMap::new();
        let mut newest: BTreeMap<u8, u32> = BTreeMap::new();
        let mut accepted = 0;
        let success = Event::End { which: 0, failed: false, binding: false };
        let peace = (0..400).flat_map(|_| [Event::Pass, Event::Start, success.clone()]);
        for event in events.into_iter().chain(peace) {
            match event {
                Event::Arrive(stream) => {
                    let number = fixture.arrive(stream);
                    newest.insert(stream, number);
                    accepted += 1;
                }
                Event::Start => if let NextTask::Run(id, task) = fixture.queue.next(fixture.now) {
                    prop_assert!(!running.iter().any(|(_, other)| other.number == task.number), "at once twice");
                    let same = running.iter().any(|(_, other)| other.stream == task.stream);
                    prop_assert!(!same || matches!(mode, QueueMode::Parallel(_)), "one of a stream");
                    running.push((id, task));
                    prop_assert!(running.len() <= slots);
                },
                Event::End { which, failed, binding } if which < running.len() => {
                    let (id, task) = running.remove(which);
                    if !failed { handled.entry(task.stream).or_default().push(task.number); }
                    let at = fixture.now + Duration::from_secs(1);
                    fixture.queue.ended(id, task, failed.then_some(RetryAt { at, binding }));
                }
                Event::End { .. } => {}
                Event::Pass => fixture.now += Duration::from_secs(2),
            }
            prop_assert_eq!(fixture.queue.running(), running.len());
        }
        prop_assert!(running.is_empty() && fixture.queue.waiting() == 0, "all is done in the end");
        for (stream, number) in newest {
            let runs = &handled[&stream];
            prop_assert!(runs.contains(&number), "the newest of stream {stream} is among {runs:?}");
            let mut once = runs.clone();
            once.sort_unstable();
            once.dedup();
            prop_assert_eq!(once.len(), runs.len(), "none twice: {:?}", runs);
            if !matches!(mode, QueueMode::Parallel(_)) {
                prop_assert!(runs.is_sorted(), "in order: {runs:?}");
            }
        }
        prop_assert_eq!(fixture.acknowledged().len(), accepted, "each is acknowledged");
    }
}
