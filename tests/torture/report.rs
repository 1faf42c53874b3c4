//! What the campaign did and found.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::ledger::Ledger;
use crate::resources::Resources;
use crate::saboteur::Injected;
use crate::scene::Tally;

pub(crate) struct Report<'a> {
    pub(crate) seed: u64,
    pub(crate) length: Duration,
    pub(crate) injected: &'a Injected,
    /// Answers that were falsified or broken.
    pub(crate) broken: u64,
    pub(crate) requests: u64,
    pub(crate) ledger: &'a Ledger,
    pub(crate) tally: &'a Tally,
    pub(crate) before: Resources,
    pub(crate) after: Resources,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally {
            deliveries,
            first,
            resync,
            coalesced,
            changes,
            removals,
            ..
        } = self.tally;
        let Tally {
            came,
            stops,
            resets,
            stalled,
            panicked,
            left,
            violations,
            ..
        } = self.tally;
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
            self.ledger.puts.load(Ordering::Relaxed),
            self.ledger.deletes.load(Ordering::Relaxed),
        );
        writeln!(
            f,
            "\nchanges written  {} ({puts} puts, {deletes} deletes)",
            puts + deletes
        )?;
        writeln!(
            f,
            "deliveries       {deliveries} ({first} first, {resync} resync; {coalesced} states folded)"
        )?;
        writeln!(
            f,
            "                 {changes} changes in them, {removals} keys removed"
        )?;
        writeln!(f, "subscriptions    {came}; {stops} Stop, {resets} Reset")?;
        writeln!(
            f,
            "subscribers      {stalled} stalls, {panicked} panics, {left} left"
        )?;
        writeln!(f, "at first         {}", self.before)?;
        writeln!(f, "at the end       {}", self.after)?;
        write!(f, "violations       {violations}")
    }
}
