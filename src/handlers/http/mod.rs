//! A subscriber that calls a URL on each change.

mod call;
mod error;
mod handler;
mod options;
mod report;
mod signature;
mod url;

pub use self::{
    error::{DeliveryError, HttpError},
    handler::HttpHandler,
    options::Http,
    report::{Delivered, Deliveries, HttpStatus},
};
