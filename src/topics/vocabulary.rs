//! The words that count: in enough documents to say something, and in not so many that they say nothing.

#![allow(clippy::cast_precision_loss, reason = "documents are fewer than 2⁵²")]

use super::TopicsError;
use super::corpus::Corpus;

/// Which words count.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct VocabularyRule {
    /// A word must be in at least so many documents.
    pub least: u32,
    /// A word must be in at most this part of all documents.
    pub most: f64,
    /// At most so many words; the most frequent ones.
    pub size: usize,
}

impl Default for VocabularyRule {
    fn default() -> Self {
        Self { least: 5, most: 0.75, size: 262_144 }
    }
}

impl VocabularyRule {
    /// Whether the rule makes sense.
    pub(super) fn check(self) -> Result<(), TopicsError> {
        if self.most > 0.0 && self.most <= 1.0 {
            return Ok(());
        }
        let value = self.most.to_string();
        let wanted = "it must be above 0 and at most 1";
        Err(TopicsError::BadParameter { what: "the most documents of a word", value, wanted })
    }

    /// The same documents with the words that count alone, by falling frequency.
    pub fn apply(self, corpus: &Corpus) -> Result<Corpus, TopicsError> {
        self.check()?;
        let frequencies = corpus.document_frequencies();
        let most = self.most * corpus.len() as f64;
        let mut kept: Vec<usize> = (0..frequencies.len())
            .filter(|term| frequencies[*term] >= self.least && f64::from(frequencies[*term]) <= most)
            .collect();
        kept.sort_by(|a, b| {
            frequencies[*b].cmp(&frequencies[*a]).then_with(|| corpus.terms()[*a].cmp(&corpus.terms()[*b]))
        });
        kept.truncate(self.size);
        let mut numbers: Vec<Option<u32>> = vec![None; frequencies.len()];
        for (number, term) in (0..).zip(&kept) {
            numbers[*term] = Some(number);
        }
        let mut smaller = Corpus::over(kept.iter().map(|term| corpus.terms()[*term].clone()).collect());
        for document in corpus.documents() {
            smaller.push(document.iter().filter_map(|word| numbers[*word as usize]));
        }
        Ok(smaller)
    }
}

/// What rarer words count for, as Spark has it: ln((documents + 1) / (document frequency + 1)).
pub fn inverse_document_frequency(documents: usize, frequency: u32) -> f64 {
    libm::log((documents as f64 + 1.0) / (f64::from(frequency) + 1.0))
}

/// Each document's words with how often they occur times what they count for, by the words' numbers.
pub fn tf_idf(corpus: &Corpus) -> Vec<Vec<(u32, f64)>> {
    let frequencies = corpus.document_frequencies();
    let weigh = |document: &[u32]| {
        let mut words = document.to_vec();
        words.sort_unstable();
        let weight = |same: &[u32]| {
            let inverse = inverse_document_frequency(corpus.len(), frequencies[same[0] as usize]);
            (same[0], same.len() as f64 * inverse)
        };
        words.chunk_by(|a, b| a == b).map(weight).collect()
    };
    corpus.documents().map(weigh).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_and_common_words_do_not_count() {
        let corpus = Corpus::from_lines("a b c\na b d\na b\na e e");
        let rule = VocabularyRule { least: 2, most: 0.75, size: 10 };
        let smaller = rule.apply(&corpus).expect("a good rule");
        assert_eq!(smaller.terms(), ["b"]);
        assert_eq!(smaller.len(), 4);
        let rule = VocabularyRule { least: 1, most: 1.0, size: 2 };
        assert_eq!(rule.apply(&corpus).expect("a good rule").terms(), ["a", "b"]);
    }

    /// The values are Spark's own (4.x): `tests/support/spark_tfidf.py` prints them.
    #[test]
    fn weights_are_those_of_spark() {
        let corpus = Corpus::from_lines(
            "rocket launch rocket delayed\nlaunch window telescope\n\
             telescope image galaxy telescope galaxy telescope\ngalaxy rocket\nlaunch",
        );
        // As Spark printed them: that two are near multiples of ln 2 is no reason to write them otherwise.
        #[allow(clippy::approx_constant)]
        let spark = [
            (0, "delayed", 1.098_612_288_668_109_8),
            (0, "launch", 0.405_465_108_108_164_4),
            (0, "rocket", 1.386_294_361_119_890_6),
            (1, "launch", 0.405_465_108_108_164_4),
            (1, "telescope", 0.693_147_180_559_945_3),
            (1, "window", 1.098_612_288_668_109_8),
            (2, "galaxy", 1.386_294_361_119_890_6),
            (2, "image", 1.098_612_288_668_109_8),
            (2, "telescope", 2.079_441_541_679_835_7),
            (3, "galaxy", 0.693_147_180_559_945_3),
            (3, "rocket", 0.693_147_180_559_945_3),
            (4, "launch", 0.405_465_108_108_164_4),
        ];
        let mut ours = Vec::new();
        for (document, words) in tf_idf(&corpus).into_iter().enumerate() {
            let mut words: Vec<_> = words
                .into_iter()
                .map(|(word, weight)| (corpus.terms()[word as usize].as_str(), weight))
                .collect();
            words.sort_by_key(|(word, _)| *word);
            ours.extend(words.into_iter().map(|(word, weight)| (document, word, weight)));
        }
        assert_eq!(ours.len(), spark.len());
        for (ours, spark) in ours.iter().zip(&spark) {
            assert_eq!((ours.0, ours.1), (spark.0, spark.1));
            assert!((ours.2 - spark.2).abs() < 1e-9, "{ours:?} {spark:?}");
        }
    }
}
