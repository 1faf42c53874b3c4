//! Prints values or changes to standard output.

use std::io::{self, Write};

use actix::prelude::*;
use consul_watch::{Changed, handlers::HandlerPayload};
use tokio::sync::mpsc::UnboundedSender;

use super::{arguments::OutputFormat, error::CliError, pretty_json::indented};

/// A subscriber that prints updates.
pub(super) struct Printer {
    pub(super) format: OutputFormat,
    /// Receives the result of each print.
    pub(super) done: UnboundedSender<Result<(), CliError>>,
}

impl Actor for Printer {
    type Context = Context<Self>;
}

impl<Q: HandlerPayload> Handler<Changed<Q>> for Printer {
    type Result = ();

    fn handle(&mut self, changed: Changed<Q>, ctx: &mut Self::Context) {
        let text = match self.format {
            OutputFormat::Json => value(&changed),
            OutputFormat::Jsonl => lines(&changed),
        };
        let result = text.map_err(io::Error::from).and_then(|text| {
            let mut out = io::stdout().lock();
            out.write_all(&text)?;
            out.flush()
        });
        if result.is_err() {
            ctx.stop();
        }
        // The receiver is gone when the command is about to exit.
        let _ = self.done.send(result.map_err(CliError::Output));
    }
}

/// Formats the value as Consul's command does.
fn value<Q: HandlerPayload>(changed: &Changed<Q>) -> serde_json::Result<Vec<u8>> {
    let mut text = indented(&Q::payload(changed)?);
    text.push(b'\n');
    Ok(text)
}

fn lines<Q: HandlerPayload>(changed: &Changed<Q>) -> serde_json::Result<Vec<u8>> {
    let mut text = Vec::new();
    Q::write_changes(changed, &changed.changes(), &mut text)?;
    Ok(text)
}
