//! The topics' own work: from posts to documents, passes of each method, predictions.
//!
//! `cargo bench --bench topics`. The documents are made here, from a seed: words by Zipf's law, as posts have them, and
//! subjects with words of their own. `benches/topics_peers.py` sets whole fits beside those of others.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "a program that measures, with documents that it makes up"
)]

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use hydrant::topics::predict::Predictor;
use hydrant::topics::random::Draws;
use hydrant::topics::{Corpus, Method, Order, Post, TextSteps};

const DOCUMENTS: u64 = 20_000;
const WORDS: u32 = 8_000;
const SUBJECTS: u32 = 40;
/// Tokens of a document: as many as a post has.
const LENGTH: u64 = 7;
const PASSES: usize = 10;

fn main() {
    divan::main();
}

/// A word by Zipf's law, among the subject's own half of the time.
fn word(draws: Draws, at: u64, subject: u32) -> u32 {
    let skewed = (f64::from(WORDS).powf(f64::from(draws.unit(at)))) as u32 - 1;
    if draws.second(at) < 0.5 { (skewed / SUBJECTS * SUBJECTS + subject).min(WORDS - 1) } else { skewed }
}

fn corpus() -> Corpus {
    let draws = Draws::new(1, 1);
    let mut corpus = Corpus::over((0..WORDS).map(|word| format!("word{word}")).collect());
    for document in 0..DOCUMENTS {
        let subject = draws.below(document * 100, SUBJECTS);
        corpus.push((1..=LENGTH).map(|place| word(draws, document * 100 + place, subject)));
    }
    corpus
}

fn posts() -> Vec<Post> {
    let corpus = corpus();
    let text = |document: &[u32]| {
        let words = document.iter().cycle().take(30).map(|word| corpus.terms()[*word as usize].as_str());
        words.collect::<Vec<_>>().join("s ")
    };
    corpus.documents().map(|document| Post { text: text(document), ..Post::default() }).collect()
}

fn order(method: Method, k: usize, threads: usize) -> Order {
    Order {
        method: Some(method),
        k: Some(k),
        iterations: Some(PASSES),
        threads: Some(threads),
        ..Order::default()
    }
}

fn fit(bencher: Bencher<'_, '_>, method: Method, k: usize, threads: usize) {
    let corpus = corpus();
    // Tokens that are sampled, so that divan tells them by the second.
    bencher
        .counter(ItemsCount::new(corpus.tokens() * PASSES))
        .with_inputs(|| corpus.clone())
        .bench_values(|corpus| order(method, k, threads).fit(corpus).expect("a model"));
}

#[divan::bench(args = [20, 100, 500], sample_count = 3)]
fn lda(bencher: Bencher<'_, '_>, k: usize) {
    fit(bencher, Method::Lda, k, 1);
}

#[divan::bench(args = [1, 2], sample_count = 3)]
fn lda_of_20_topics_by_threads(bencher: Bencher<'_, '_>, threads: usize) {
    fit(bencher, Method::Lda, 20, threads);
}

#[divan::bench(args = [50, 300], sample_count = 3)]
fn gsdmm(bencher: Bencher<'_, '_>, k: usize) {
    fit(bencher, Method::Gsdmm, k, 1);
}

#[divan::bench(args = [20, 100], sample_count = 3)]
fn nmf(bencher: Bencher<'_, '_>, k: usize) {
    fit(bencher, Method::Nmf, k, 1);
}

#[divan::bench(args = [20, 300], sample_count = 3)]
fn predictions(bencher: Bencher<'_, '_>, k: usize) {
    let found = order(Method::Lda, k, 1).fit(corpus()).expect("a model");
    let predictor = Predictor::new(&found.model);
    bencher.counter(ItemsCount::new(found.corpus.len())).bench(|| predictor.shares(black_box(&found.corpus)));
}

#[divan::bench(sample_count = 3)]
fn posts_to_documents(bencher: Bencher<'_, '_>) {
    let posts = posts();
    let steps = TextSteps { letters: 4, ..TextSteps::default() };
    bencher
        .counter(ItemsCount::new(posts.len()))
        .bench(|| steps.prepare(black_box(&posts)).expect("documents"));
}
