//! Sites that come to the same by entries and bases, and what is done to both.

mod attacks;
mod bases;
mod histories;
mod model;
mod put_back;
mod real;
mod site;
