//! `rs-consul`, a Rust client: a loop around its blocking read.

use std::time::Duration;

use rs_consul::Consul;
use rs_consul::types::ReadKeyRequest;

use super::{Contender, Side, Watched, child};
use crate::config::Config;

pub(super) fn contender(config: &Config) -> Contender {
    // The version that Cargo.toml pins.
    config
        .contender("rs-consul", "rs-consul", Side::Peer)
        .with_version("0.15.0")
}

pub(super) fn run(args: &[&str]) -> Result<(), String> {
    let (watched, address) = child::arguments(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(async move {
        let consul = Consul::new(rs_consul::Config {
            address: format!("http://{address}"),
            ..rs_consul::Config::default()
        });
        child::wait_for_go()?;
        let mut index = None;
        loop {
            let request = ReadKeyRequest {
                key: watched.name(),
                recurse: matches!(watched, Watched::Prefix(_)),
                index,
                wait: Duration::from_secs(300),
                ..ReadKeyRequest::default()
            };
            let answer = consul
                .read_key(request)
                .await
                .map_err(|error| error.to_string())?;
            let at = child::now();
            if index == Some(answer.index) {
                continue;
            }
            index = Some(answer.index);
            let last = answer
                .response
                .into_iter()
                .max_by_key(|pair| pair.modify_index);
            child::seen(
                last.and_then(|pair| pair.value)
                    .unwrap_or_default()
                    .as_bytes(),
                at,
            );
        }
    })
}
