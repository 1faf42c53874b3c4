//! The manual page: one for all commands.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;

use super::arguments::EXAMPLES;

/// Writes the page in roff format.
pub(super) fn write(mut definition: Command, out: &mut dyn Write) -> io::Result<()> {
    definition.build();
    let page = Man::new(definition.clone());
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    writeln!(out, ".SH COMMANDS")?;
    for command in definition.get_subcommands() {
        write_command(command, &definition, out)?;
    }
    let (examples, statuses) = EXAMPLES
        .split_once("\nExit status:\n")
        .unwrap_or((EXAMPLES, ""));
    let examples = examples.trim_start_matches("Examples:\n").trim_end();
    for (heading, text) in [("EXAMPLES", examples), ("EXIT STATUS", statuses)] {
        writeln!(out, ".SH \"{heading}\"\n.nf\n{}\n.fi", escaped(text))?;
    }
    page.render_version_section(out)
}

/// Writes a command with its own options, or the commands below it.
fn write_command(command: &Command, main: &Command, out: &mut dyn Write) -> io::Result<()> {
    if command.get_name() == "help" {
        return Ok(());
    }
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    writeln!(out, ".SS \"{}\"", escaped(usage))?;
    let mut shared: Vec<String> = Vec::new();
    let own = command.clone().mut_args(|argument| {
        let same = |of_main: &&clap::Arg| {
            argument.get_long().is_some() && of_main.get_long() == argument.get_long()
        };
        let heading = main
            .get_arguments()
            .find(same)
            .and_then(clap::Arg::get_help_heading);
        let Some(heading) = heading.filter(|it| argument.get_help_heading() == Some(*it)) else {
            return argument;
        };
        let heading = heading.to_uppercase();
        if !shared.contains(&heading) {
            shared.push(heading);
        }
        argument.hide(true)
    });
    let own = Man::new(own);
    write_without_headings(|text| own.render_description_section(text), out)?;
    write_without_headings(|text| own.render_options_section(text), out)?;
    if !shared.is_empty() {
        let shared = escaped(&shared.join(" and "));
        writeln!(out, ".PP\nThe options of {shared} apply, too.")?;
    }
    command
        .get_subcommands()
        .try_for_each(|inner| write_command(inner, main, out))
}

/// Writes a part of a page within another section: its headings, and what begins a page, would end that.
fn write_without_headings(
    render: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut text = Vec::new();
    render(&mut text)?;
    for line in String::from_utf8_lossy(&text).lines() {
        let begins_a_page = line.starts_with(".ie ") || line.starts_with(".el ");
        if !begins_a_page && !line.starts_with(".SH ") {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

/// Returns a text as roff prints it.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let text = text.replace('\'', "\\(aq").replace('"', "\\(dq");
    // A line that begins with a dot would be a request.
    let lines = text.lines().map(|line| {
        if line.starts_with('.') {
            format!("\\&{line}")
        } else {
            line.to_owned()
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}
