//! `cargo xtask soak`: a hundred thousand rounds of `tests/soak.rs`.

use crate::cargo::cargo;

const ROUNDS: &str = "100000";

pub(crate) fn run() -> Result<(), String> {
    let consul = consul_watch_harness::consul().map_err(|error| error.to_string())?;
    let mut soak = cargo();
    soak.args([
        "test",
        "--quiet",
        "--release",
        "--package",
        "consul-watch",
        "--test",
        "soak",
        "--",
        "--nocapture",
    ])
    .env("CONSUL_BIN", consul)
    .env("CONSUL_WATCH_ROUNDS", ROUNDS);
    let status = soak
        .status()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the soak failed ({status})"))
    }
}
