//! HTTP/2 for watches: many blocking queries on few connections, on purpose.
//!
//! awc speaks HTTP/2 too, but opens a connection for each of the requests that are started together, has
//! no way to see how many streams the server takes (what is beyond waits unseen, like an idle watch), and
//! never asks a silent connection whether it is still there. So the connections that hold watches are
//! made here; all others are awc's.

mod connection;
mod pool;
mod response;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    connection::ConnectError,
    pool::ConnectionPool,
    response::{Http2Error, Response},
};
