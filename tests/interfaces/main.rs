//! What is reached over HTTP, and what a real daemon counts and logs.

#[path = "../common/mod.rs"]
mod common;

mod alerts;
mod http;
mod observe;
mod page;
