//! Lists that people hand in: CSV, spreadsheets, JSON; read as carriers write them, or refused with row, field and advice.

pub mod columns;
pub(crate) mod marks;
pub mod objects;
pub(crate) mod role_words;
pub mod table;
pub mod upstreams;
pub(crate) mod writings;
