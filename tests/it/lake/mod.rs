//! The lake: browsed and combined, from folders and from moto's S3.

mod bound;
mod combine;
pub mod differential;
mod faults;
pub mod given;
mod hours;
