//! HTTP/2 for watches: many blocking queries on few connections.
//!
//! awc speaks HTTP/2 too, but opens a connection for each of the requests that start together, does not show
//! how many streams the server accepts (further ones would wait unseen, like an idle watch), and does not ping,
//! so it never finds a half-open connection. The connections that hold watches are made here; all others are
//! awc's.

mod connection;
mod pool;
mod response;
mod streams;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    connection::ConnectError,
    pool::ConnectionPool,
    response::{Http2Error, Response, SentRequest},
    streams::{AfterCut, Hold},
};
