//! `cargo xtask bench`: what consul-watch costs, beside its peers. The workspace `benches/` does the work.

use crate::cargo::cargo;

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    if args.first().is_some_and(|first| first == "micro") {
        return micro(&args[1..]);
    }
    let consul = consul_watch_harness::consul().map_err(|error| error.to_string())?;
    let mut bench = cargo();
    bench.args(["run", "--quiet", "--release"]).args(WORKSPACE).args(["--", "report"]).args(args);
    let status =
        bench.env("CONSUL_BIN", consul).status().map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("the benchmarks failed ({status})")) }
}

const WORKSPACE: [&str; 4] = ["--manifest-path", "benches/Cargo.toml", "--target-dir", "target/bench"];

/// The hot path alone, by criterion.
fn micro(args: &[String]) -> Result<(), String> {
    let mut bench = cargo();
    bench.arg("bench").args(WORKSPACE).args(["--bench", "micro", "--"]).args(args);
    let status = bench.status().map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("the micro-benchmarks failed ({status})")) }
}
