//! `cargo xtask torture`: a run of `tests/torture`, as long as its argument says.

use crate::cargo::cargo;

pub(crate) const USAGE: &str = "usage: cargo xtask torture [--cluster] [--minutes N] [--seed N]";

/// The arguments: whether an old Consul is a cluster too, the seconds, and the seed unless it is random.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    cluster: bool,
    seconds: u64,
    seed: Option<u64>,
}

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let options = options(args)?;
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
        .env("CONSUL_WATCH_TORTURE_SECONDS", options.seconds.to_string());
    if options.cluster {
        torture.env("CONSUL_WATCH_TORTURE_CLUSTER", "1");
    }
    if let Some(seed) = options.seed {
        torture.env("CONSUL_WATCH_SEED", seed.to_string());
    }
    println!("torture for {} s", options.seconds);
    let status = torture
        .status()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the torture failed ({status})"))
    }
}

fn options(args: &[String]) -> Result<Options, String> {
    let mut options = Options {
        cluster: false,
        seconds: 300,
        seed: None,
    };
    let mut args = args.iter();
    while let Some(name) = args.next() {
        if name == "--cluster" {
            options.cluster = true;
            continue;
        }
        let value = args
            .next()
            .ok_or_else(|| format!("{name} needs a value\n{USAGE}"))?;
        let number: u64 = value
            .parse()
            .map_err(|_| format!("{name} {value}: not a number\n{USAGE}"))?;
        match name.as_str() {
            "--minutes" => options.seconds = number.saturating_mul(60),
            "--seed" => options.seed = Some(number),
            _ => return Err(format!("{name} is unknown\n{USAGE}")),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_cluster_minutes_and_seed() {
        let read =
            |args: &[&str]| options(&args.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(
            read(&[]),
            Ok(Options {
                cluster: false,
                seconds: 300,
                seed: None
            })
        );
        assert_eq!(
            read(&["--minutes", "2", "--cluster", "--seed", "7"]),
            Ok(Options {
                cluster: true,
                seconds: 120,
                seed: Some(7)
            })
        );
        for wrong in [&["--minutes"][..], &["--minutes", "x"], &["--hours", "1"]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
