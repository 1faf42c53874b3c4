//! Rounds of measurements in which the contenders take turns.

use crate::config::Config;
use crate::measure::MedianRange;
use crate::outcome::{Check, Figure, Measure, Side};
use crate::peers::{self, Absent, Contender};

/// The samples of all contenders, round by round.
pub struct Rounds<T> {
    contenders: Vec<Contender>,
    /// One list per contender, with one entry per round.
    found: Vec<Vec<T>>,
    absent: Vec<Absent>,
}

impl<T> Rounds<T> {
    /// Measures every contender in each round. Each round begins with another one, because the first finds the agent
    /// and the machine in another state than the last.
    ///
    /// A peer that fails is left out. A failure of consul-watch or of the floor is an error.
    pub fn run(
        config: &Config,
        more: Vec<Contender>,
        rounds: usize,
        mut one: impl FnMut(&Contender) -> Result<T, String>,
    ) -> Result<Self, String> {
        let (mut contenders, mut absent) = peers::contenders(config);
        contenders.extend(more);
        let mut found: Vec<Vec<T>> = contenders.iter().map(|_| Vec::new()).collect();
        for round in 0..rounds {
            let mut failed = Vec::new();
            for turn in 0..contenders.len() {
                let who = (turn + round) % contenders.len();
                let contender = &contenders[who];
                eprintln!("round {} of {rounds}: {}", round + 1, contender.title);
                match one(contender) {
                    Ok(what) => found[who].push(what),
                    Err(reason) if contender.side == Side::Peer => failed.push((who, reason)),
                    Err(reason) => return Err(reason),
                }
            }
            failed.sort_by_key(|(who, _)| *who);
            for (who, reason) in failed.into_iter().rev() {
                found.remove(who);
                absent.push(Absent {
                    title: contenders.remove(who).title,
                    reason,
                });
            }
        }
        Ok(Self {
            contenders,
            found,
            absent,
        })
    }

    /// The contenders that took part, with their versions.
    pub fn versions(&self) -> Vec<String> {
        self.contenders
            .iter()
            .filter_map(Contender::named_version)
            .collect()
    }

    /// The contenders that did not take part, with the reason.
    pub fn missing(&self) -> Vec<String> {
        self.absent
            .iter()
            .map(|absent| format!("{}: {}", absent.title, absent.reason))
            .collect()
    }

    /// One quantity of all contenders.
    pub fn measure(&self, title: &str, unit: &str, of: impl Fn(&T) -> f64) -> Measure {
        let figures = self
            .contenders
            .iter()
            .zip(&self.found)
            .map(|(contender, found)| {
                let numbers: Vec<f64> = found.iter().map(&of).collect();
                Figure {
                    name: contender.title.clone(),
                    side: contender.side,
                    median_range: MedianRange::of(&numbers),
                }
            });
        Measure {
            title: title.to_owned(),
            unit: unit.to_owned(),
            figures: figures.collect(),
        }
    }

    /// Checks that consul-watch needs at most `limit` times what another contender needs, by the median of the rounds'
    /// ratios. `shown` is the limit as the report prints it, such as `1/12`.
    pub fn at_most(
        &self,
        what: &str,
        other: &str,
        shown: &str,
        limit: f64,
        of: impl Fn(&T) -> f64,
    ) -> Check {
        self.at_most_of(self.our_title(), what, other, shown, limit, of)
    }

    /// Checks the same for the contender with this title.
    pub fn at_most_of(
        &self,
        title: &str,
        what: &str,
        other: &str,
        shown: &str,
        limit: f64,
        of: impl Fn(&T) -> f64,
    ) -> Check {
        let target = format!("≤ {shown} × {other}");
        match (self.of(title, &of), self.of(other, &of)) {
            (Some(ours), Some(theirs)) => Check::at_most(
                what,
                target,
                limit,
                &MedianRange::of_ratios(&ours, &theirs),
                "×",
            ),
            _ => Check::not_measured(what, target),
        }
    }

    /// Checks consul-watch against an absolute limit.
    pub fn limit(
        &self,
        what: &str,
        target: &str,
        limit: f64,
        unit: &str,
        of: impl Fn(&T) -> f64,
    ) -> Check {
        match self.ours(of) {
            Some(ours) => Check::at_most(what, target, limit, &MedianRange::of(&ours), unit),
            None => Check::not_measured(what, target),
        }
    }

    /// Checks that consul-watch needs less than every peer.
    pub fn ahead(&self, what: &str, of: impl Fn(&T) -> f64) -> Check {
        let target = "ahead of every peer".to_owned();
        let peers = self
            .contenders
            .iter()
            .filter(|contender| contender.side == Side::Peer);
        let ratios = peers.filter_map(|peer| {
            let ratio = MedianRange::of_ratios(&self.ours(&of)?, &self.of(&peer.title, &of)?);
            Some((
                ratio.median,
                format!("{} × {}", crate::measure::number(ratio.median), peer.title),
            ))
        });
        let Some((worst, result)) = ratios.max_by(|a, b| a.0.total_cmp(&b.0)) else {
            return Check::not_measured(what, target);
        };
        Check {
            what: what.to_owned(),
            target,
            result: format!("the nearest: {result}"),
            met: Some(worst < 1.0),
        }
    }

    /// The rounds of consul-watch.
    pub fn ours(&self, of: impl Fn(&T) -> f64) -> Option<Vec<f64>> {
        let at = self
            .contenders
            .iter()
            .position(|contender| contender.side == Side::Ours)?;
        Some(self.found[at].iter().map(of).collect())
    }

    /// The difference between two contenders, round by round.
    pub fn beyond(&self, title: &str, other: &str, of: impl Fn(&T) -> f64) -> Option<MedianRange> {
        let (these, others) = (self.of(title, &of)?, self.of(other, &of)?);
        let differences: Vec<f64> = these
            .iter()
            .zip(&others)
            .map(|(this, other)| this - other)
            .collect();
        Some(MedianRange::of(&differences))
    }

    fn our_title(&self) -> &str {
        let ours = self
            .contenders
            .iter()
            .find(|contender| contender.side == Side::Ours);
        ours.map_or("", |contender| &contender.title)
    }

    fn of(&self, title: &str, of: impl Fn(&T) -> f64) -> Option<Vec<f64>> {
        let at = self
            .contenders
            .iter()
            .position(|contender| contender.title == title)?;
        Some(self.found[at].iter().map(of).collect())
    }
}
