//! Benchmarks of consul-watch and its peers: the scenarios of `docs/benchmarks.md`.

mod config;
mod kv_writer;
mod machine;
mod measure;
mod outcome;
mod peers;
mod plot;
mod record;
mod report;
mod rounds;
mod scale;
mod scenario;
mod scenarios;

use std::env;
use std::process::ExitCode;

use crate::config::Config;

const USAGE: &str = "\
usage: consul-watch-bench report [--quick] [SCENARIO ...]    run scenarios, by default all, and write the report
       consul-watch-bench scenario [--quick] SCENARIO        run one scenario and print its result
       consul-watch-bench render                             write the report from the recorded results

--quick takes small numbers, to see that everything works; the results mean nothing.
The scenarios: ";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<(), String> {
    let (command, rest) = args.split_first().ok_or_else(usage)?;
    let quick = rest.iter().any(|arg| arg == "--quick");
    let names: Vec<&str> = rest
        .iter()
        .map(String::as_str)
        .filter(|arg| *arg != "--quick")
        .collect();
    match (command.as_str(), names.as_slice()) {
        ("run-one", [contender, rest @ ..]) => peers::run_one(contender, rest),
        ("run-many", [what, rest @ ..]) => scale::run_one(what, rest),
        ("report", names) => report::run(&Config::new(quick)?, &chosen(names)?),
        ("scenario", [name]) => report::print(
            &Config::new(quick)?,
            scenario::find(name).ok_or_else(usage)?,
        ),
        ("render", []) => report::write(),
        _ => Err(usage()),
    }
}

fn chosen(names: &[&str]) -> Result<Vec<&'static scenario::Scenario>, String> {
    if names.is_empty() {
        return Ok(scenarios::ALL.iter().collect());
    }
    names
        .iter()
        .map(|name| scenario::find(name).ok_or_else(|| format!("no scenario {name}\n{}", usage())))
        .collect()
}

fn usage() -> String {
    let names: Vec<&str> = scenarios::ALL
        .iter()
        .map(|scenario| scenario.name)
        .collect();
    format!("{USAGE}{}", names.join(", "))
}
