//! Renders `docs/benchmarks.md` from the records.

use std::fmt::Write as _;
use std::fs;

use crate::config::Config;
use crate::machine::Machine;
use crate::measure::number;
use crate::outcome::{Check, Measure};
use crate::plot;
use crate::record::{self, Record};
use crate::scenario::Scenario;
use crate::scenarios;

const HEAD: &str = "\
# Benchmarks

The cost of `consul-watch` and its peers. Each scenario measures all of them in one run, on one agent, in turns. The
*bare loop* is the floor: awc without actors, which decodes borrowed and does nothing else.

```console
$ cargo xtask bench                        # every scenario; this file is its report
$ cargo xtask bench -- latency             # some scenarios; the others keep their last result
$ cargo xtask bench -- micro               # the hot path alone, by criterion
$ cargo xtask bench -- --quick             # small numbers, to see that everything works
```

Peers are installed from their registries into `target/peers`, in the versions that `benches/` pins. Numbers are the
median of the rounds, followed by the lowest and the highest in brackets. Less is better everywhere.
";

/// Measures these scenarios, records the results and writes the report.
pub fn run(config: &Config, scenarios: &[&Scenario]) -> Result<(), String> {
    let mut failed = Vec::new();
    for scenario in scenarios {
        eprintln!("== {}", scenario.name);
        match measure(config, scenario) {
            Ok(record) => record::write(scenario.name, &record)?,
            Err(error) => failed.push(format!("{}: {error}", scenario.name)),
        }
    }
    write()?;
    if failed.is_empty() {
        Ok(())
    } else {
        Err(failed.join("\n"))
    }
}

/// Measures one scenario and prints its result without recording it.
pub fn print(config: &Config, scenario: &Scenario) -> Result<(), String> {
    let record = measure(config, scenario)?;
    println!(
        "{}{}",
        targets(&[(scenario, &record)]),
        section(scenario, &record)
    );
    Ok(())
}

/// Writes the report and its plots from the records.
pub fn write() -> Result<(), String> {
    let mut known = Vec::new();
    for scenario in scenarios::ALL {
        known.extend(record::read(scenario.name)?.map(|record| (scenario, record)));
    }
    for (scenario, record) in &known {
        for (at, measure) in record.outcome.measures.iter().enumerate() {
            record::write_file(&plot_name(scenario, at), &plot::bars(measure))?;
        }
    }
    let known: Vec<(&Scenario, &Record)> = known
        .iter()
        .map(|(scenario, record)| (*scenario, record))
        .collect();
    let path = record::directory().with_extension("md");
    fs::write(&path, render(&known)).map_err(|error| format!("benchmarks.md: {error}"))?;
    eprintln!("written: docs/benchmarks.md");
    Ok(())
}

fn measure(config: &Config, scenario: &Scenario) -> Result<Record, String> {
    let outcome = (scenario.run)(config)?;
    Ok(Record {
        date: record::today(),
        quick: config.quick,
        machine: Machine::of(config),
        outcome,
    })
}

fn render(known: &[(&Scenario, &Record)]) -> String {
    let mut text = HEAD.to_owned();
    if known.iter().any(|(_, record)| record.quick) {
        text += "\n**Some scenarios were run with `--quick`: their numbers mean nothing.**\n";
    }
    text += &targets(known);
    text += &conditions(known);
    for (scenario, record) in known {
        text += &section(scenario, record);
    }
    text
}

/// Renders the table of all targets.
fn targets(known: &[(&Scenario, &Record)]) -> String {
    let mut text =
        "\n## Targets\n\n| scenario | quantity | target | result | |\n|---|---|---|---|---|\n"
            .to_owned();
    for (scenario, record) in known {
        for Check {
            what,
            target,
            result,
            met,
        } in &record.outcome.checks
        {
            let verdict = match met {
                Some(true) => "met",
                Some(false) => "**missed**",
                None => "open",
            };
            let quick = if record.quick { " (quick)" } else { "" };
            let _ = writeln!(
                text,
                "| [{0}](#{0}) | {what} | {target} | {result} | {verdict}{quick} |",
                scenario.name
            );
        }
    }
    text
}

/// Renders the machine and date, once for all scenarios that share them.
fn conditions(known: &[(&Scenario, &Record)]) -> String {
    let mut text = "\n## Measured on\n".to_owned();
    let mut alike: Vec<(&Machine, &str, Vec<&str>)> = Vec::new();
    for (scenario, record) in known {
        match alike
            .iter_mut()
            .find(|(machine, date, _)| **machine == record.machine && **date == record.date)
        {
            Some((_, _, names)) => names.push(scenario.name),
            None => alike.push((&record.machine, &record.date, vec![scenario.name])),
        }
    }
    for (machine, date, names) in alike {
        let Machine {
            cpu,
            cores,
            memory_gib,
            kernel,
            rustc,
            consul,
        } = machine;
        let _ = writeln!(
            text,
            "\n{date}: {cpu}, {cores} cores, {memory_gib} GiB; Linux {kernel}; rustc {rustc}; Consul {consul}. Scenarios: \
             {}.",
            names.join(", ")
        );
    }
    let mut versions: Vec<&String> = known
        .iter()
        .flat_map(|(_, record)| &record.outcome.versions)
        .collect();
    versions.sort();
    versions.dedup();
    if !versions.is_empty() {
        let versions: Vec<&str> = versions.into_iter().map(String::as_str).collect();
        let _ = writeln!(text, "\nPeers: {}.", versions.join("; "));
    }
    text
}

fn section(scenario: &Scenario, record: &Record) -> String {
    let mut text = format!("\n## {}\n\n{}\n", scenario.name, scenario.title);
    for (at, measure) in record.outcome.measures.iter().enumerate() {
        let _ = write!(
            text,
            "\n![{}](benchmarks/{})\n\n{}",
            measure.title,
            plot_name(scenario, at),
            table(measure)
        );
    }
    for missing in &record.outcome.missing {
        let (who, reason) = missing.split_once(": ").unwrap_or((missing, "unknown"));
        let _ = writeln!(text, "\n{who}: not measured: {reason}");
    }
    for note in &record.outcome.notes {
        let _ = writeln!(text, "\n{note}");
    }
    let _ = writeln!(text, "\nMethod: {}", scenario.method);
    text
}

fn table(measure: &Measure) -> String {
    let mut text = format!(
        "| {} | median, {unit} | min..max |\n|---|--:|--:|\n",
        measure.title,
        unit = measure.unit
    );
    for figure in &measure.figures {
        let median_range = figure.median_range;
        let (median, min, max) = (
            number(median_range.median),
            number(median_range.min),
            number(median_range.max),
        );
        let _ = writeln!(text, "| {} | {median} | {min}..{max} |", figure.name);
    }
    text
}

fn plot_name(scenario: &Scenario, at: usize) -> String {
    if at == 0 {
        format!("{}.svg", scenario.name)
    } else {
        format!("{}-{}.svg", scenario.name, at + 1)
    }
}
