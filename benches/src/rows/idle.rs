//! Ten thousand watches while nothing happens.

use std::thread;
use std::time::Duration;

use crate::measure::monotonic_ns;
use crate::outcome::{Check, Outcome, Side};
use crate::row::Row;
use crate::scale::{Crew, Stage, fill, measure, spread};
use crate::setting::Setting;

pub(crate) const ROW: Row = Row {
    name: "idle",
    title: "10,000 idle watches for a minute",
    method: "One process holds 10,000 watches of different prefixes over HTTPS, another one 10,000 watches of keys \
             under a declared root over plain HTTP. Nothing is written; the processor time each of them uses in a \
             minute is taken. 3 minutes, one after the other, in the same processes.",
    run,
};

const WITHIN: Duration = Duration::from_secs(120);

fn run(setting: &Setting) -> Result<Outcome, String> {
    let (minutes, count, minute) = setting.either(
        (3, 10_000, Duration::from_secs(60)),
        (1, 300, Duration::from_secs(2)),
    );
    let cases = [
        ("different prefixes, HTTPS", Stage::secure()?, "folders"),
        ("keys under a root", Stage::plain()?, "keys"),
    ];
    let mut crews = Vec::new();
    for (_, stage, what) in &cases {
        fill(&stage.agent, count, 1)?;
        let mut crew = Crew::start(setting, "hold", stage, &[what, &count.to_string()])?;
        crew.begin(1, WITHIN)?;
        crews.push((crew, Vec::new()));
    }
    for round in 0..minutes {
        eprintln!("round {} of {minutes}", round + 1);
        let mut before = Vec::new();
        for (crew, _) in &crews {
            before.push((crew.cpu_ns()?, monotonic_ns()));
        }
        // The measurement itself: nothing is to happen.
        thread::sleep(minute);
        for ((crew, found), (cpu, at)) in crews.iter_mut().zip(before) {
            let percent = (crew.cpu_ns()? - cpu) as f64 / (monotonic_ns() - at) as f64 * 100.0;
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
            &spread(found, |percent| *percent),
            "%",
        )
    };
    Ok(Outcome {
        checks: named().map(check).collect(),
        measures: vec![measure(
            "processor time while idle",
            "% of a core",
            named().map(|(name, found)| (name, Side::Ours, spread(found, |percent| *percent))),
        )],
        ..Outcome::default()
    })
}
