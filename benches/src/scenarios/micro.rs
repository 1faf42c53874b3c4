//! The hot path alone: runs criterion and reads its estimates.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::config::Config;
use crate::measure::MedianRange;
use crate::outcome::{Figure, Measure, Outcome, Side};
use crate::scenario::Scenario;

pub const SCENARIO: Scenario = Scenario {
    name: "micro",
    title: "The hot path alone",
    method: "Criterion's median with its 95 % confidence interval. *Decode and merge* reads the body of a prefix with \
             keys of 256 bytes, for the first time and against the previous list; *parsers* only decodes that body, by \
             the parser in use and by two with SIMD; *progress* interprets a response; *fan-out* is the time from a \
             response to the last subscriber's handler, on one thread, without Consul.",
    run,
};

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
const TARGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bench");

fn run(config: &Config) -> Result<Outcome, String> {
    // A separate folder, without the results of earlier runs.
    let home = Path::new(TARGET).join("criterion-report");
    if home.exists() {
        fs::remove_dir_all(&home)
            .map_err(|error| format!("criterion's earlier results: {error}"))?;
    }
    let mut bench = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    bench.args([
        "bench",
        "--quiet",
        "--manifest-path",
        MANIFEST,
        "--target-dir",
        TARGET,
        "--bench",
        "micro",
    ]);
    bench
        .env("CRITERION_HOME", &home)
        .args(config.either(&["--"][..], &["--", "--quick"]));
    let status = bench
        .status()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if !status.success() {
        return Err(format!("the micro-benchmarks failed ({status})"));
    }
    let measures = directories(&home)?
        .iter()
        .filter(|group| !group.ends_with("report"))
        .map(|group| measure(group))
        .collect::<Result<_, _>>()?;
    Ok(Outcome {
        measures,
        ..Outcome::default()
    })
}

/// A group of benchmarks.
fn measure(group: &Path) -> Result<Measure, String> {
    let mut figures = directories(group)?
        .iter()
        .filter(|one| !one.ends_with("report"))
        .map(|one| figure(one))
        .collect::<Result<Vec<_>, _>>()?;
    figures.sort_by(|a, b| a.median_range.median.total_cmp(&b.median_range.median));
    Ok(Measure {
        title: name(group),
        unit: "µs".to_owned(),
        figures,
    })
}

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

fn figure(one: &Path) -> Result<Figure, String> {
    let text = fs::read_to_string(one.join("new/estimates.json"));
    let text = text.map_err(|error| format!("criterion's estimates of {}: {error}", name(one)))?;
    let Estimates { median } =
        serde_json::from_str(&text).map_err(|error| format!("criterion's estimates: {error}"))?;
    let Interval {
        lower_bound,
        upper_bound,
    } = median.confidence_interval;
    let [median, min, max] = [median.point_estimate, lower_bound, upper_bound].map(|ns| ns / 1e3);
    Ok(Figure {
        name: name(one),
        side: Side::Ours,
        median_range: MedianRange { median, min, max },
    })
}

fn directories(of: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(of).map_err(|error| format!("criterion's results: {error}"))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    Ok(found)
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
