//! `cargo xtask bench`: the cost of consul-watch and its peers, measured by the workspace `benches/`.

use crate::cargo::cargo;

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let consul = consul_watch_harness::consul().map_err(|error| error.to_string())?;
    let mut bench = cargo();
    bench
        .args(["run", "--quiet", "--release"])
        .args([
            "--manifest-path",
            "benches/Cargo.toml",
            "--target-dir",
            "target/bench",
        ])
        .args(["--", "report"])
        .args(args);
    let status = bench
        .env("CONSUL_BIN", consul)
        .status()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the benchmarks failed ({status})"))
    }
}
