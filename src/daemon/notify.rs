//! What systemd is told, where it has given a socket for it (`sd_notify(3)`).

use sd_notify::NotifyState;

/// Everything runs as the files have it.
pub(super) fn ready(watches: usize) {
    let status = format!("{watches} watches");
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// The files are being read again; systemd takes it for begun at the time that is told.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => {
            tracing::warn!(%error, "the time cannot be told, so systemd is not told of the reload")
        }
    }
}

/// The end has begun.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    // Without a socket nothing is sent, and nothing is wrong.
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd cannot be told of our state");
    }
}
