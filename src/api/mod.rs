//! How the use cases are reached: thin adapters on [`service`](crate::service), side by side, none on another.

pub mod answer;
pub mod client;
pub mod grpc;
pub mod http;
pub mod json;
pub mod page;
pub(crate) mod times;
pub(crate) mod weights;
mod yes_no;
