//! The project's own commands: `cargo xtask demo`, `test`, `bench` and more.

mod advisories;
mod bench;
mod cargo;
mod compat;
mod demo;
mod lint;
mod nightly;
mod repeat;
mod signals;
mod soak;
mod storm;
mod test;
mod torture;

use std::env;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <command>

  demo             watch a real Consul change, die and come back, and show each delivery
  test [-- args]   run every test and doc test; with arguments for `cargo test`, only what they choose
  repeat [FILTER] [--times N] [--jobs N] [--load]
                   run the tests of the promises, those that match or another test target's, 50 times each
                   and without retries, with --load beside a busy thread per processor
  torture [--cluster] [--minutes N] [--seed N]
                   inject faults at random, 5 minutes long, and count violations of the promises
  compat CONSUL...  run the suites and the storms with each of these Consul programs, and write
                   docs/compatibility.md
  storm [restores|policies] [--watches N] [--seconds N] [--command PATH] [--json]
                   restore snapshots or update policies under watched services, and count false removals
                   of consul-watch and of a bare loop beside it
  bench [-- [--quick] [SCENARIO ...]]
                   measure beside the peers, all scenarios or some, and write docs/benchmarks.md;
                   the scenario micro is the hot path alone, by criterion
  soak             a hundred thousand rounds over a hundred watches, with the growth of memory per delivery
  nightly          all that takes longer: repeat, the storms, torture and soak
  lint [modules|words|size]... [--summary]
                   check what the compiler does not: circles among modules, private words, long files
  advisories DIR   check the dependencies for known vulnerabilities, by a copy of the RustSec database

Consul is found by CONSUL_BIN, then on PATH; else Debian's package is fetched into the target directory.";

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let command = args.next();
    let mut rest: Vec<String> = args.collect();
    if rest.first().is_some_and(|first| first == "--") {
        rest.remove(0);
    }
    let outcome = match command.as_deref() {
        Some("demo") if rest.is_empty() => demo::run(),
        Some("test") => signals::check().and_then(|()| test::run(&rest)),
        Some("repeat") => repeat::run(&rest),
        Some("torture") => torture::run(&rest),
        Some("nightly") if rest.is_empty() => signals::check().and_then(|()| nightly::run()),
        Some("compat") => signals::check().and_then(|()| compat::run(&rest)),
        Some("storm") => storm::run(&rest),
        Some("bench") => bench::run(&rest),
        Some("lint") => lint::run(&rest),
        Some("advisories") => advisories::run(&rest),
        Some("soak") if rest.is_empty() => soak::run(),
        Some("help" | "--help" | "-h") => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
