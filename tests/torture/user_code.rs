//! An application's code that panics at random: views, decoders, comparisons and derivations.
//!
//! It runs on the watchers' threads and on its subscribers', so its randomness and its counters are the process's.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::panic;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use consul_watch::actors::{Derived, Evaluation, Input, Inputs, Outcome, Query};
use consul_watch::{ConsulConfig, Item, KeyPrefix, KvPair, Watch, WatchPath};
use consul_watch_harness::random::{Choices, Rng};
use serde::{Deserialize, Deserializer};

use crate::watched::Watched;

/// The message of a panic that is a part of the test.
pub(crate) const EXPECTED_PANIC: &str = "this panic is a part of the test";

/// The key whose changes a predicate does not want.
const SKIPPED: &str = "torture/p0/0";

/// The kinds of user code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserCode {
    Predicate,
    Projection,
    Equality,
    SkipFirst,
    OnSkipped,
    Decoder,
    Comparison,
    Derivation,
}

impl UserCode {
    pub(crate) const ALL: [Self; 8] = [
        Self::Predicate,
        Self::Projection,
        Self::Equality,
        Self::SkipFirst,
        Self::OnSkipped,
        Self::Decoder,
        Self::Comparison,
        Self::Derivation,
    ];

    /// The kinds that a subscription may come with.
    pub(crate) const OF_SUBSCRIPTIONS: [Self; 4] = [
        Self::Predicate,
        Self::Projection,
        Self::Equality,
        Self::SkipFirst,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Predicate => "predicate",
            Self::Projection => "projection",
            Self::Equality => "equality of a view",
            Self::SkipFirst => "skip_first_when",
            Self::OnSkipped => "on_skipped",
            Self::Decoder => "decoder",
            Self::Comparison => "comparison of values",
            Self::Derivation => "derivation",
        }
    }

    /// Returns the number of panics of this kind.
    pub(crate) fn panics(self) -> u64 {
        PANICS[self as usize].load(Ordering::Relaxed)
    }

    /// Adds such code to a subscription, which otherwise wants what any other wants; but a predicate does not
    /// want the changes of one key.
    pub(crate) fn apply<Q: Watched>(self, watch: Watch<Q>) -> Watch<Q> {
        let watch = watch.on_skipped(|_, _| Self::OnSkipped.run());
        match self {
            Self::Predicate => watch.only(move |change| {
                self.run();
                // The other state is skipped.
                change.item().routing_key() != Some(SKIPPED)
            }),
            Self::Equality => watch.view(Q::equality_that_panics()),
            Self::Projection => watch.view(Q::projection_that_panics()),
            Self::SkipFirst => watch.skip_first_when(move |_| {
                self.run();
                false
            }),
            Self::OnSkipped | Self::Decoder | Self::Comparison | Self::Derivation => watch,
        }
    }

    /// Panics at random, unless all is calm or a check runs on this thread.
    pub(crate) fn run(self) {
        if CHECKING.get() {
            return;
        }
        let panics = {
            let mut random = RANDOM.lock().unwrap_or_else(PoisonError::into_inner);
            // One runs once a subscription, the other for states that are skipped.
            let rare = matches!(self, Self::SkipFirst | Self::OnSkipped);
            let times = if rare { 3 } else { 25 };
            random.as_mut().is_some_and(|random| random.one_in(times))
        };
        if panics {
            PANICS[self as usize].fetch_add(1, Ordering::Relaxed);
            panic!("{EXPECTED_PANIC}");
        }
    }
}

/// `None` while all is calm.
static RANDOM: Mutex<Option<Rng>> = Mutex::new(None);
static PANICS: [AtomicU64; UserCode::ALL.len()] = [const { AtomicU64::new(0) }; 8];

thread_local! {
    static CHECKING: Cell<bool> = const { Cell::new(false) };
}

/// Lets user code panic from now on, or no longer.
pub(crate) fn may_panic(random: Option<Rng>) {
    *RANDOM.lock().unwrap_or_else(PoisonError::into_inner) = random;
}

/// Runs the checks of a delivery, which call the user code of its view too, without panics.
pub(crate) fn without_panics<T>(check: impl FnOnce() -> T) -> T {
    CHECKING.set(true);
    let result = check();
    CHECKING.set(false);
    result
}

/// Leaves the panics that are a part of the test out of its output.
pub(crate) fn mute_expected_panics() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let message = info.payload().downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| info.payload().downcast_ref::<&str>().copied());
        if message != Some(EXPECTED_PANIC) {
            print(info);
        }
    }));
}

/// A value whose decoder and whose comparison panic at random.
#[derive(Clone, Eq)]
pub(crate) struct Decoded(String);

impl PartialEq for Decoded {
    fn eq(&self, other: &Self) -> bool {
        UserCode::Comparison.run();
        self.0 == other.0
    }
}

impl fmt::Debug for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Decoded {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        UserCode::Decoder.run();
        String::deserialize(from).map(Self)
    }
}

impl Decoded {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.clone().into_bytes()
    }
}

/// A folder as a map, by the decoder of the crate and the one above.
pub(crate) type DecodedFolder = BTreeMap<String, Decoded>;

/// A folder whose value is derived by code that panics at random.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DerivedFolder(pub(crate) KeyPrefix);

impl Query for DerivedFolder {
    type Source = ConsulConfig;
    type Value = Vec<Arc<KvPair>>;

    fn path(&self) -> WatchPath {
        WatchPath::new("derived", self.0.path().name())
    }

    fn evaluation(&self) -> Evaluation<'_, Self> {
        Evaluation::Derived(self)
    }
}

impl Derived for DerivedFolder {
    fn inputs(&self, _: &Inputs) -> Vec<Input<Self>> {
        vec![Input::of(self.0.clone())]
    }

    fn compute(
        &self,
        known: &Inputs,
        _: Option<&Vec<Arc<KvPair>>>,
    ) -> Option<Outcome<Vec<Arc<KvPair>>>> {
        UserCode::Derivation.run();
        Some(Outcome::Value(known.get(&self.0)?.to_vec()))
    }
}
