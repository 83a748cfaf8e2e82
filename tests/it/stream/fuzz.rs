//! What the fuzzer's targets promise, on every build: over the seeds that are kept, and over thousands of damaged ones.
//!
//! The fuzzer itself goes on from there for as long as one likes: `cargo fuzz run --fuzz-dir tests/fuzz -s none TARGET`.

#[path = "../../fuzz/promises.rs"]
mod promises;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

/// The seeds of a target.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("seeds").map(|entry| entry.expect("a seed").path()).collect();
    // What a run of the fuzzer left here is not part of the test; its order is part of what can be repeated.
    paths.retain(|path| path.file_name().is_some_and(|name| name.len() != 40));
    paths.sort_unstable();
    paths.iter().map(|path| std::fs::read(path).expect("it is read")).collect()
}

/// One of the seeds with some damage, as a fuzzer does it.
fn damaged(seeds: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
    let mut bytes = seeds.choose(random).expect("a seed").clone();
    for _ in 0..random.random_range(1..6) {
        let place = random.random_range(0..=bytes.len());
        let upto = random.random_range(place..=bytes.len().min(place + 32));
        match random.random_range(0..6) {
            0 => bytes.insert(place, random.random()),
            1 => bytes.insert(place, *b"\n\r\t\"\\{}[],:0\x1f\xff".choose(random).expect("some")),
            2 => drop(bytes.drain(place..upto)),
            3 => bytes.extend_from_within(place..upto),
            4 => {
                let other = seeds.choose(random).expect("a seed");
                let from = random.random_range(0..=other.len());
                bytes.splice(place..upto, other.iter().skip(from).take(64).copied());
            }
            _ => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= 1 << random.random_range(0..8);
                }
            }
        }
    }
    bytes
}

fn holds(target: &str, promise: fn(&[u8]), times: usize) {
    let seeds = seeds(target);
    let mut random = StdRng::seed_from_u64(20_261_126);
    let made = (0..times).map(|_| damaged(&seeds, &mut random)).collect::<Vec<_>>();
    for bytes in seeds.iter().chain(&made) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| promise(bytes))) {
            println!("{target} is broken by {:?}", bytes.escape_ascii().to_string());
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn no_bytes_are_parted_into_other_lines_than_a_plain_reading_has() {
    holds("lines", promises::lines, 20_000);
}

#[test]
fn no_line_is_read_as_something_that_is_no_record() {
    holds("wire", promises::wire, 4_000);
}

#[test]
fn no_text_shifts_a_column() {
    holds("record", promises::record, 4_000);
}

#[test]
fn no_files_make_the_spool_give_what_it_was_not_given() {
    holds("spool", promises::spool, 400);
}
