//! What is made of a listing, made-up or real: parsed, vetted, searched, decided on. Real ones are read where a folder of
//! them is at hand (tests/common/real.rs).

#[path = "../common/mod.rs"]
mod common;

mod alerts;
mod clocks;
mod fuzz_seeds;
mod oracle;
mod real_listings;
mod real_waves;
mod replay;
mod search;
mod source_faults;
