//! What consul-watch costs, beside its peers: the rows of `docs/benchmarks.md`.

mod machine;
mod measure;
mod outcome;
mod peers;
mod plot;
mod puts;
mod record;
mod report;
mod rounds;
mod row;
mod rows;
mod scale;
mod setting;

use std::env;
use std::process::ExitCode;

use crate::setting::Setting;

const USAGE: &str = "\
usage: consul-watch-bench report [--quick] [ROW ...]   run the rows, all without a name, and write the report
       consul-watch-bench row [--quick] ROW            run one row and print what it found
       consul-watch-bench render                       write the report of what was recorded

--quick takes small numbers, to see that everything works; what it finds means nothing.
The rows: ";

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
        ("report", names) => report::run(&Setting::new(quick)?, &chosen(names)?),
        ("row", [name]) => report::print(&Setting::new(quick)?, row::find(name).ok_or_else(usage)?),
        ("render", []) => report::write(),
        _ => Err(usage()),
    }
}

fn chosen(names: &[&str]) -> Result<Vec<&'static row::Row>, String> {
    if names.is_empty() {
        return Ok(rows::ALL.iter().collect());
    }
    names
        .iter()
        .map(|name| row::find(name).ok_or_else(|| format!("no row {name}\n{}", usage())))
        .collect()
}

fn usage() -> String {
    let names: Vec<&str> = rows::ALL.iter().map(|row| row.name).collect();
    format!("{USAGE}{}", names.join(", "))
}
