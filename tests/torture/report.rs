//! The report of a run.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::fault_injector::InjectedFaults;
use crate::history::History;
use crate::resources::Resources;
use crate::run_state::Counters;
use crate::user_code::UserCode;

pub(crate) struct Report<'a> {
    pub(crate) seed: u64,
    pub(crate) length: Duration,
    pub(crate) injected: &'a InjectedFaults,
    /// Falsified or broken answers.
    pub(crate) broken: u64,
    pub(crate) requests: u64,
    pub(crate) history: &'a History,
    pub(crate) counters: &'a Counters,
    pub(crate) before: Resources,
    pub(crate) after: Resources,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counters {
            deliveries,
            first,
            resync,
            coalesced,
            changes,
            removals,
            ..
        } = self.counters;
        let Counters {
            subscribed,
            stops,
            resets,
            stalled,
            panicked,
            stopped_themselves,
            violations,
            ..
        } = self.counters;
        writeln!(
            f,
            "torture of {:.0} s, CONSUL_WATCH_SEED={}",
            self.length.as_secs_f64(),
            self.seed
        )?;
        writeln!(
            f,
            "\nfaults injected  {}",
            self.injected.values().sum::<u64>()
        )?;
        for (fault, count) in self.injected {
            writeln!(f, "  {:<26}{count:>6}", fault.name())?;
        }
        writeln!(
            f,
            "  answers broken            {:>6}  of {} requests",
            self.broken, self.requests
        )?;
        let (puts, deletes) = (
            self.history.puts.load(Ordering::Relaxed),
            self.history.deletes.load(Ordering::Relaxed),
        );
        writeln!(
            f,
            "\nchanges written  {} ({puts} puts, {deletes} deletes)",
            puts + deletes
        )?;
        writeln!(
            f,
            "deliveries       {deliveries} ({first} first, {resync} resync; {coalesced} states coalesced)"
        )?;
        writeln!(f, "                 {changes} changes in them; removed:")?;
        for (kind, count) in removals {
            writeln!(f, "  {kind:<26}{count:>6}")?;
        }
        writeln!(
            f,
            "subscriptions    {subscribed}; {stops} Stop, {resets} Reset"
        )?;
        writeln!(
            f,
            "subscribers      {stalled} stalls, {panicked} panics, {stopped_themselves} stopped"
        )?;
        let panics = UserCode::ALL.map(UserCode::panics);
        writeln!(f, "user code        {} panics", panics.iter().sum::<u64>())?;
        for (code, count) in UserCode::ALL.into_iter().zip(panics) {
            writeln!(f, "  {:<26}{count:>6}", code.name())?;
        }
        writeln!(f, "at the start     {}", self.before)?;
        writeln!(f, "at the end       {}", self.after)?;
        write!(f, "violations       {}", violations.values().sum::<u64>())?;
        for (law, count) in violations {
            write!(f, "\n  {law}: {count}")?;
        }
        Ok(())
    }
}
