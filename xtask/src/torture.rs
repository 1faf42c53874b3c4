//! `cargo xtask torture`: the fault campaign of `tests/torture`, for as long as is wanted.

use crate::cargo::cargo;

pub(crate) const USAGE: &str = "usage: cargo xtask torture [--minutes N] [--seed N]";

/// What was asked for: how many seconds, and the seed if it is to be a known one.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    seconds: u64,
    seed: Option<u64>,
}

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let wanted = wanted(args)?;
    let consul = consul_watch_harness::consul().map_err(|error| error.to_string())?;
    let mut torture = cargo();
    torture
        .args([
            "test",
            "--quiet",
            "--package",
            "consul-watch",
            "--test",
            "torture",
            "--",
            "--nocapture",
            "whatever",
        ])
        .env("CONSUL_BIN", consul)
        .env("CONSUL_WATCH_TORTURE_SECONDS", wanted.seconds.to_string());
    if let Some(seed) = wanted.seed {
        torture.env("CONSUL_WATCH_SEED", seed.to_string());
    }
    println!("torture for {} s", wanted.seconds);
    let status = torture
        .status()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the campaign failed ({status})"))
    }
}

fn wanted(args: &[String]) -> Result<Wanted, String> {
    let mut wanted = Wanted {
        seconds: 300,
        seed: None,
    };
    let mut args = args.iter();
    while let Some(name) = args.next() {
        let value = args
            .next()
            .ok_or_else(|| format!("{name} needs a value\n{USAGE}"))?;
        let number: u64 = value
            .parse()
            .map_err(|_| format!("{name} {value}: not a number\n{USAGE}"))?;
        match name.as_str() {
            "--minutes" => wanted.seconds = number.saturating_mul(60),
            "--seed" => wanted.seed = Some(number),
            _ => return Err(format!("{name} is not known\n{USAGE}")),
        }
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_minutes_and_seed() {
        let read =
            |args: &[&str]| wanted(&args.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(
            read(&[]),
            Ok(Wanted {
                seconds: 300,
                seed: None
            })
        );
        assert_eq!(
            read(&["--minutes", "2", "--seed", "7"]),
            Ok(Wanted {
                seconds: 120,
                seed: Some(7)
            })
        );
        for wrong in [&["--minutes"][..], &["--minutes", "x"], &["--hours", "1"]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
