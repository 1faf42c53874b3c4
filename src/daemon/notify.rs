//! Notifications to systemd (`sd_notify(3)`). Without `NOTIFY_SOCKET`, they do nothing.

use sd_notify::NotifyState;

/// Sends `READY=1`, and the number of watches as the status.
pub(super) fn ready(watches: usize) {
    let status = format!("{watches} watches");
    notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// Sends `RELOADING=1`, and the time at which the reload starts, which systemd requires.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => {
            tracing::warn!(%error, "systemd not notified of the reload: the clock cannot be read");
        }
    }
}

/// Sends `STOPPING=1`.
pub(super) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

fn notify(states: &[NotifyState<'_>]) {
    // Without a socket, nothing is sent and the result is `Ok`.
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd not notified; check the socket that NOTIFY_SOCKET names");
    }
}
