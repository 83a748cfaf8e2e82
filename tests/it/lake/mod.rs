//! The lake: browsed and combined, from folders and from moto's S3.

mod bound;
mod combine;
mod differential;
mod faults;
mod given;
mod hours;
