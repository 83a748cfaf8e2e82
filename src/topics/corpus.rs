//! Documents as numbers: which terms there are, and which of them each document holds, in reading order.
//!
//! A document without any known term stays: it has a number and no tokens.

use std::collections::HashMap;

use linfa::dataset::Records;

/// Documents whose terms are numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Corpus {
    terms: Vec<String>,
    words: Vec<u32>,
    ends: Vec<usize>,
}

impl Corpus {
    /// One document a line, tokens parted by spaces, taken as they are. Terms are numbered as they first appear.
    pub fn from_lines(text: &str) -> Self {
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut corpus = Self::default();
        for line in text.lines() {
            for token in line.split(' ').filter(|token| !token.is_empty()) {
                let next = u32::try_from(numbers.len()).expect("fewer than four thousand million terms");
                let number = *numbers.entry(token).or_insert_with(|| {
                    corpus.terms.push(token.to_owned());
                    next
                });
                corpus.words.push(number);
            }
            corpus.ends.push(corpus.words.len());
        }
        corpus
    }

    /// No documents yet, over a vocabulary that is known.
    pub fn over(terms: Vec<String>) -> Self {
        Self { terms, words: Vec::new(), ends: Vec::new() }
    }

    /// Adds a document. Every number must be below that of terms.
    pub fn push(&mut self, words: impl IntoIterator<Item = u32>) {
        self.words.extend(words);
        self.ends.push(self.words.len());
    }

    /// The terms, by their numbers.
    pub fn terms(&self) -> &[String] {
        &self.terms
    }

    /// How many documents there are, empty ones among them.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no document at all.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many tokens there are.
    pub fn tokens(&self) -> usize {
        self.words.len()
    }

    /// Every token of every document.
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// A document's terms in reading order, repeated as they occur; none for a document that is not there.
    pub fn document(&self, index: usize) -> &[u32] {
        let from = if index == 0 { Some(0) } else { self.ends.get(index - 1).copied() };
        match (from, self.ends.get(index)) {
            (Some(from), Some(to)) => self.words.get(from..*to).unwrap_or_default(),
            _ => &[],
        }
    }

    /// The documents in order.
    pub fn documents(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        (0..self.len()).map(|index| self.document(index))
    }

    /// In how many documents each term occurs.
    pub fn document_frequencies(&self) -> Vec<u32> {
        let mut last = vec![usize::MAX; self.terms.len()];
        let mut frequencies = vec![0; self.terms.len()];
        for (index, document) in self.documents().enumerate() {
            for word in document {
                let word = *word as usize;
                if last[word] != index {
                    last[word] = index;
                    frequencies[word] += 1;
                }
            }
        }
        frequencies
    }

    /// How often each term occurs.
    pub fn frequencies(&self) -> Vec<u32> {
        let mut frequencies = vec![0; self.terms.len()];
        for word in &self.words {
            frequencies[*word as usize] += 1;
        }
        frequencies
    }

    /// The documents with these numbers, over the same terms.
    #[must_use]
    pub fn part(&self, documents: impl IntoIterator<Item = usize>) -> Self {
        let mut part = Self::over(self.terms.clone());
        for index in documents {
            part.push(self.document(index).iter().copied());
        }
        part
    }
}

/// So that linfa's traits take a corpus: a sample is a document, a feature is a term.
impl Records for Corpus {
    type Elem = u32;

    fn nsamples(&self) -> usize {
        self.len()
    }

    fn nfeatures(&self) -> usize {
        self.terms.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_document_even_when_it_is_empty() {
        let corpus = Corpus::from_lines("b a  b\n\nc\n");
        assert_eq!(corpus.terms(), ["b", "a", "c"]);
        assert_eq!(corpus.documents().collect::<Vec<_>>(), [&[0, 1, 0][..], &[], &[2]]);
        assert_eq!(corpus.document_frequencies(), [1, 1, 1]);
        assert_eq!(corpus.frequencies(), [2, 1, 1]);
        assert_eq!(corpus.document(3), [0_u32; 0]);
    }

    #[test]
    fn a_part_keeps_the_terms() {
        let corpus = Corpus::from_lines("a b\nc\nb").part([2, 1]);
        assert_eq!(corpus.terms().len(), 3);
        assert_eq!(corpus.documents().collect::<Vec<_>>(), [[1], [2]]);
    }
}
