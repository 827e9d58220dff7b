//! What a build with debug assertions can be told to leave out, so that it is seen that the tests would find out: in a build
//! without them, as packages are, nothing can be left out, and nothing of this is in it.

/// What a fleet's promises rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(debug_assertions), allow(dead_code, reason = "it is left in"))]
pub enum Part {
    /// An append to the log of the listing compares who fetches, and whoever fetches counts for how long.
    Fence,
    /// After an append of which no word came it is looked whether it stands there.
    Look,
    /// Where a site stands is written together with what brought it there.
    Together,
}

/// Where it is said.
const VARIABLE: &str = "LEFT_OUT_OF_THE_FLEET";

/// Whether it is left out.
pub fn is_left_out(part: Part) -> bool {
    let name = match part {
        Part::Fence => "fence",
        Part::Look => "look",
        Part::Together => "together",
    };
    cfg!(debug_assertions) && std::env::var(VARIABLE).is_ok_and(|named| named == name)
}
