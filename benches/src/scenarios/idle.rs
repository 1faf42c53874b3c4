//! Ten thousand idle watches.

use std::thread;
use std::time::Duration;

use crate::config::Config;
use crate::measure::monotonic_ns;
use crate::outcome::{Check, Outcome, Side};
use crate::scale::{ChildProcess, Fixture, fill, measure, median_range};
use crate::scenario::Scenario;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "idle",
    title: "10,000 idle watches for a minute",
    method: "One process holds 10,000 watches of different prefixes over HTTPS, another one 10,000 watches of keys \
             under a declared root over plain HTTP. Nothing is written; the processor time of each process is read every \
             minute. 3 minutes, one after the other, in the same processes.",
    run,
};

const WITHIN: Duration = Duration::from_secs(120);

fn run(config: &Config) -> Result<Outcome, String> {
    let (minutes, count, minute) = config.either(
        (3, 10_000, Duration::from_secs(60)),
        (1, 300, Duration::from_secs(2)),
    );
    let cases = [
        ("different prefixes, HTTPS", Fixture::secure()?, "folders"),
        ("keys under a root", Fixture::plain()?, "keys"),
    ];
    let mut crews = Vec::new();
    for (_, fixture, what) in &cases {
        fill(&fixture.agent, count, 1)?;
        let mut child = ChildProcess::start(config, "hold", fixture, &[what, &count.to_string()])?;
        child.begin(1, WITHIN)?;
        crews.push((child, Vec::new()));
    }
    for round in 0..minutes {
        eprintln!("round {} of {minutes}", round + 1);
        let mut before = Vec::new();
        for (child, _) in &crews {
            before.push((child.cpu_ns()?, monotonic_ns()));
        }
        // This is the measurement: nothing must happen meanwhile.
        thread::sleep(minute);
        for ((child, found), (cpu, at)) in crews.iter_mut().zip(before) {
            let percent = (child.cpu_ns()? - cpu) as f64 / (monotonic_ns() - at) as f64 * 100.0;
            found.push(percent);
        }
    }
    let named = || {
        cases
            .iter()
            .zip(&crews)
            .map(|((name, ..), (_, found))| (*name, found))
    };
    let check = |(name, found): (&str, &Vec<f64>)| {
        let what = format!("{count} idle watches, {name}");
        Check::at_most(
            what,
            "≤ 1 % of a core",
            1.0,
            &median_range(found, |percent| *percent),
            "%",
        )
    };
    Ok(Outcome {
        checks: named().map(check).collect(),
        measures: vec![measure(
            "processor time while idle",
            "% of a core",
            named()
                .map(|(name, found)| (name, Side::Ours, median_range(found, |percent| *percent))),
        )],
        ..Outcome::default()
    })
}
