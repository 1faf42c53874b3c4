//! [`LogLine`]: the format of log lines.
//!
//! An event is one line, whatever its texts hold: a key or the output of a program cannot forge another one, and cannot
//! command a terminal.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::fmt::{
    FmtContext,
    format::{FormatEvent, FormatFields, Writer},
    time::{FormatTime, SystemTime},
};

use super::{
    arguments::LogFormat,
    text::{escaped, is_unsafe},
};

/// The greatest length of a field, in characters.
const MAX_FIELD: usize = 1024;

/// The greatest length of the output of a program, of which a handler keeps 4 KiB.
const MAX_OUTPUT: usize = 8192;

/// The format of an event as one line.
pub(super) struct LogLine(pub(super) LogFormat);

/// The fields of an event, in their order.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, Value)>,
}

impl<S, N> FormatEvent<S, N> for LogLine
where
    S: Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = *event.metadata().level();
        match self.0 {
            LogFormat::Text => text(writer, &time, level, &fields),
            LogFormat::Json => json(writer, &time, level, event.metadata().target(), fields),
        }
    }
}

fn text(mut writer: Writer<'_>, time: &str, level: Level, fields: &Fields) -> fmt::Result {
    let [dim, colour, end] = match (writer.has_ansi_escapes(), level) {
        (false, _) => [""; 3],
        (true, Level::ERROR) => ["\x1b[2m", "\x1b[31m", "\x1b[0m"],
        (true, Level::WARN) => ["\x1b[2m", "\x1b[33m", "\x1b[0m"],
        (true, Level::INFO) => ["\x1b[2m", "\x1b[32m", "\x1b[0m"],
        (true, _) => ["\x1b[2m", "\x1b[34m", "\x1b[0m"],
    };
    write!(writer, "{dim}{time}{end} {colour}{level:>5}{end}")?;
    if !fields.message.is_empty() {
        write!(writer, " {}", escaped(&fields.message, MAX_OUTPUT))?;
    }
    for (name, value) in &fields.others {
        write!(writer, " {dim}{name}={end}")?;
        match value {
            Value::String(text) => quoted(&mut writer, text, max_of(name))?,
            other => write!(writer, "{other}")?,
        }
    }
    writeln!(writer)
}

/// Writes a text of at most `max` characters, in quotes if it could be taken for more than one word.
fn quoted(writer: &mut Writer<'_>, text: &str, max: usize) -> fmt::Result {
    let plain = |c: char| !c.is_whitespace() && !is_unsafe(c) && !matches!(c, '"' | '\\' | '=');
    let text = cut(text, max);
    if !text.is_empty() && text.chars().all(plain) {
        return writer.write_str(&text);
    }
    writer.write_char('"')?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            writer.write_char('\\')?;
        }
        writer.write_str(&escaped(c.encode_utf8(&mut [0; 4]), 1))?;
    }
    writer.write_char('"')
}

fn json(
    mut writer: Writer<'_>,
    time: &str,
    level: Level,
    target: &str,
    fields: Fields,
) -> fmt::Result {
    let mut line = Map::new();
    for (name, value) in fields.others {
        let value = match value {
            Value::String(text) => cut(&text, max_of(name)).into(),
            other => other,
        };
        line.insert(name.to_owned(), value);
    }
    line.insert(
        "message".to_owned(),
        cut(&fields.message, MAX_OUTPUT).into(),
    );
    line.insert("timestamp".to_owned(), time.into());
    line.insert("level".to_owned(), level.as_str().into());
    line.insert("target".to_owned(), target.into());
    // Of JSON's own escapes, those of the characters below the space are there already.
    for c in Value::Object(line).to_string().chars() {
        if is_unsafe(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
        } else {
            writer.write_char(c)?;
        }
    }
    writeln!(writer)
}

fn max_of(field: &str) -> usize {
    if field == "output" {
        MAX_OUTPUT
    } else {
        MAX_FIELD
    }
}

fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields {
            message: format!("m {text}"),
            others: vec![("key", text.into()), ("count", 3.into())],
        }
    }

    fn line(format: LogFormat, given: &str) -> String {
        let mut line = String::new();
        let writer = Writer::new(&mut line);
        let done = match format {
            LogFormat::Text => text(writer, "T", Level::INFO, &fields(given)),
            LogFormat::Json => json(writer, "T", Level::INFO, "t", fields(given)),
        };
        done.unwrap();
        line
    }

    #[test]
    fn texts_are_quoted_where_they_could_be_taken_for_more() {
        for (given, shown) in [
            ("app/a", "key=app/a"),
            ("", "key=\"\""),
            ("a b", "key=\"a b\""),
            ("a\" exit=0", "key=\"a\\\" exit=0\""),
            ("a\\", "key=\"a\\\\\""),
            ("\\\n\"", "key=\"\\\\\\n\\\"\""),
            ("a\nT  INFO b", "key=\"a\\nT  INFO b\""),
            ("\u{1b}[2J", "key=\"\\u{1b}[2J\""),
        ] {
            let line = line(LogFormat::Text, given);
            assert!(line.ends_with(&format!(" {shown} count=3\n")), "{line}");
            assert_eq!(line.lines().count(), 1, "{line}");
        }
    }

    #[test]
    fn json_keeps_the_text_and_shows_nothing_unsafe() {
        for given in ["a\nb", "\u{202e}a", "\u{9b}", "\u{e0041}", "\\\"\u{7f}"] {
            let line = line(LogFormat::Json, given);
            let one = line.strip_suffix('\n').unwrap();
            assert!(!one.contains(is_unsafe), "{line:?}");
            let value: Value = serde_json::from_str(one).unwrap();
            assert_eq!(
                (value["key"].as_str(), &value["count"]),
                (Some(given), &3.into())
            );
        }
        let long = line(LogFormat::Json, &"ä".repeat(MAX_FIELD + 1));
        assert!(
            long.contains('…') && long.len() < 5 * MAX_FIELD,
            "{}",
            long.len()
        );
    }
}
