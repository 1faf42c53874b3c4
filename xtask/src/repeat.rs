//! `cargo xtask repeat`: the tests of the promises, many times over, on a loaded machine.
//!
//! Each run is a process of its own and is never retried: a test that fails once has found a fault.

mod load;
mod runs;
mod selection;

use std::time::Instant;

use load::Load;
use runs::Runs;
use selection::{Test, find};

pub(crate) const USAGE: &str = "usage: cargo xtask repeat [FILTER] [--times N] [--jobs N] [--load]";

/// The arguments.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    filter: String,
    times: usize,
    jobs: usize,
    load: bool,
}

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let options = options(args)?;
    let consul = consul_watch_harness::consul().map_err(|error| error.to_string())?;
    let tests = find(&options.filter)?;
    if tests.is_empty() {
        return Err(format!(
            "no test matches `{}`: a test that proves no promise is named with its target, as in daemon::killed",
            options.filter
        ));
    }
    println!(
        "{} tests, {} times each, {} at a time{}",
        tests.len(),
        options.times,
        options.jobs,
        if options.load { ", under load" } else { "" }
    );
    let load = options.load.then(Load::start);
    let begun = Instant::now();
    let failures = Runs::new(&tests, options.times, &consul).run(options.jobs);
    drop(load);
    let runs = tests.len() * options.times;
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    println!(
        "{runs} runs in {minutes:.1} minutes, {} failed",
        failures.len()
    );
    if failures.is_empty() {
        return Ok(());
    }
    let list: Vec<_> = failures.iter().map(|name| format!("  {name}")).collect();
    Err(format!("failed runs:\n{}", list.join("\n")))
}

fn options(args: &[String]) -> Result<Options, String> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let mut options = Options {
        filter: String::new(),
        times: 50,
        // Tests wait more than they work.
        jobs: 2 * cores,
        load: false,
    };
    let mut args = args.iter();
    while let Some(name) = args.next() {
        match name.as_str() {
            "--load" => options.load = true,
            "--times" => options.times = number(name, args.next())?,
            "--jobs" => options.jobs = number(name, args.next())?,
            filter if !filter.starts_with('-') && options.filter.is_empty() => {
                filter.clone_into(&mut options.filter);
            }
            _ => return Err(format!("{name} is unknown\n{USAGE}")),
        }
    }
    Ok(options)
}

fn number(name: &str, value: Option<&String>) -> Result<usize, String> {
    let value = value.ok_or_else(|| format!("{name} needs a value\n{USAGE}"))?;
    match value.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{name} {value}: not a positive number\n{USAGE}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Options, String> {
        options(&args.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn reads_filter_times_jobs_and_load() {
        let all = read(&["stop_is_final", "--times", "3", "--load", "--jobs", "7"]);
        let expected = Options {
            filter: "stop_is_final".to_owned(),
            times: 3,
            jobs: 7,
            load: true,
        };
        assert_eq!(all, Ok(expected));
        let default = read(&[]).expect("no argument is needed");
        assert_eq!((default.times, default.load), (50, false));
        for wrong in [
            &["--times"][..],
            &["--times", "0"],
            &["--hours", "1"],
            &["a", "b"],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
