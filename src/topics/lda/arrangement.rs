//! Where tokens lie while a model is fitted: documents of like length stand side by side, sixteen to a group, so that
//! the sampler takes the same token of all sixteen at once. A part is what one thread takes at a time; a block is what
//! is sampled before the table is renewed. All of it follows from the corpus alone, never from the number of threads.

#![allow(
    clippy::cast_possible_truncation,
    reason = "documents, terms and topics are counted in 32, 32 and 16 bits; fits are refused beyond"
)]

use rayon::prelude::*;

use crate::topics::corpus::Corpus;
use crate::topics::random::Draws;

/// Documents in a group.
pub(super) const LANES: usize = 16;
/// Tokens of the longest document that goes into a group: from here on, comparing a token with every other one of its
/// document costs more than counting topics.
pub(super) const LONGEST: usize = 64;
/// Groups that a thread takes at a time.
const PART: usize = 192;

/// Sixteen documents of (nearly) the same length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    /// Where its first row begins.
    pub(super) start: usize,
    /// Tokens of its longest document.
    pub(super) rows: usize,
}

/// What one thread samples at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    /// Rows of sixteen tokens, a token of each document; where a document is shorter, the term that there is not.
    pub(super) words: Vec<u32>,
    /// The topic of each token; where there is none, the topic that there is not.
    pub(super) topics: Vec<u16>,
    /// The groups in `words` and `topics`.
    pub(super) groups: Vec<Group>,
    /// Long documents, one after another: each one's tokens begin where the last one's end.
    pub(super) long_words: Vec<u32>,
    pub(super) long_topics: Vec<u16>,
    pub(super) long_ends: Vec<usize>,
    /// The number of its first token among all: what chance is counted by.
    pub(super) first: u64,
    /// Tokens whose topic has changed in this pass, packed, and how many those are.
    pub(super) moved: Vec<u64>,
    pub(super) moves: usize,
    /// Where those of each range of terms begin, and the last one's end.
    pub(super) starts: Vec<usize>,
}

/// All tokens, in blocks of parts, with the terms numbered by falling frequency: what is read most lies together.
#[derive(Debug)]
pub(super) struct Arrangement {
    pub(super) blocks: Vec<Vec<Part>>,
    /// The corpus' number of each term here.
    pub(super) terms: Vec<u32>,
    /// How often each term occurs.
    pub(super) frequencies: Vec<u32>,
}

impl Arrangement {
    /// Lays the corpus out in so many blocks, each token in a topic by chance.
    pub(super) fn new(corpus: &Corpus, k: usize, blocks: usize, draws: Draws) -> Self {
        let frequencies = corpus.frequencies();
        let mut terms: Vec<u32> = (0..frequencies.len() as u32).collect();
        terms.sort_by_key(|term| std::cmp::Reverse(frequencies[*term as usize]));
        let mut numbers = vec![0_u32; terms.len()];
        for (number, term) in (0..).zip(&terms) {
            numbers[*term as usize] = number;
        }
        let nothing = terms.len() as u32;
        let frequencies = terms.iter().map(|term| frequencies[*term as usize]).collect();

        let laid_out = |block: u32| {
            let mut documents: Vec<u32> = (block..corpus.len() as u32).step_by(blocks).collect();
            documents.retain(|document| !corpus.document(*document as usize).is_empty());
            documents.sort_by_key(|document| corpus.document(*document as usize).len());
            let short =
                documents.partition_point(|document| corpus.document(*document as usize).len() <= LONGEST);
            let (short, long) = documents.split_at(short);
            let short = short.chunks(LANES * PART).map(|documents| {
                let mut part = Part::default();
                for group in documents.chunks(LANES) {
                    part.add_group(corpus, group, &numbers, nothing, k as u16);
                }
                part
            });
            let long = long.chunks(PART).map(|documents| {
                let mut part = Part::default();
                for document in documents {
                    let words = corpus.document(*document as usize);
                    part.long_words.extend(words.iter().map(|word| numbers[*word as usize]));
                    part.long_ends.push(part.long_words.len());
                }
                part.long_topics = vec![0; part.long_words.len()];
                part
            });
            short.chain(long).collect()
        };
        let mut arranged: Vec<Vec<Part>> = (0..blocks as u32).into_par_iter().map(laid_out).collect();
        let mut first = 0;
        for part in arranged.iter_mut().flatten() {
            part.first = first;
            first += (part.words.len() + part.long_words.len()) as u64;
        }
        arranged.par_iter_mut().flatten().for_each(|part| part.begin(k, nothing, draws));
        Self { blocks: arranged, terms, frequencies }
    }

    /// Every token's term and topic, and nothing for the places where there is no token.
    pub(super) fn tokens(&self) -> impl Iterator<Item = (u32, u16)> {
        let nothing = self.terms.len() as u32;
        self.blocks.iter().flatten().flat_map(Part::places).filter(move |(word, _)| *word != nothing)
    }
}

impl Part {
    fn add_group(
        &mut self,
        corpus: &Corpus,
        documents: &[u32],
        numbers: &[u32],
        nothing: u32,
        no_topic: u16,
    ) {
        let length = |document: &u32| corpus.document(*document as usize).len();
        let rows = documents.iter().map(length).max().unwrap_or_default();
        self.groups.push(Group { start: self.words.len(), rows });
        for row in 0..rows {
            for lane in 0..LANES {
                let word = documents
                    .get(lane)
                    .and_then(|document| corpus.document(*document as usize).get(row))
                    .map_or(nothing, |word| numbers[*word as usize]);
                self.words.push(word);
                self.topics.push(no_topic);
            }
        }
    }

    fn begin(&mut self, k: usize, nothing: u32, draws: Draws) {
        let short = self.words.iter().zip(&mut self.topics);
        let long = self.long_words.iter().zip(&mut self.long_topics);
        for (index, (word, topic)) in (self.first..).zip(short.chain(long)) {
            *topic = if *word == nothing { k as u16 } else { draws.below(index, k as u32) as u16 };
        }
    }

    fn places(&self) -> impl Iterator<Item = (u32, u16)> {
        let short = self.words.iter().zip(&self.topics);
        short.chain(self.long_words.iter().zip(&self.long_topics)).map(|(word, topic)| (*word, *topic))
    }
}
