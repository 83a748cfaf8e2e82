//! How good a model's words are, by the documents themselves: do the words of a topic occur together, and do topics
//! have words of their own?

#![allow(clippy::cast_precision_loss, reason = "counts of documents become probabilities")]

use std::collections::HashMap;

use super::corpus::Corpus;
use super::model::{Model, Quality, kept};

/// Words of a topic that are looked at.
const WORDS: usize = 10;

/// Judges a model by documents over the same terms: by the normalised pointwise mutual information of each topic's ten
/// leading words in whole documents (Bouma 2009; Lau, Newman and Baldwin 2014), which is −1 if they never meet, 0 if
/// they meet by chance and 1 if they are never apart; and by how many of all leading words are different ones.
pub fn judge(model: &Model, corpus: &Corpus) -> Quality {
    let tops: Vec<Vec<usize>> = (0..model.k())
        .map(|topic| model.top_terms(topic, WORDS).into_iter().map(|(term, _)| term).collect())
        .collect();
    // Where each leading word stands: topics, and its place in each.
    let mut places: HashMap<usize, Vec<(usize, usize)>> = HashMap::new();
    for (topic, terms) in tops.iter().enumerate() {
        for (place, term) in terms.iter().enumerate() {
            places.entry(*term).or_default().push((topic, place));
        }
    }
    let mut is_leading = vec![false; corpus.terms().len()];
    for term in places.keys() {
        is_leading[*term] = true;
    }
    let mut together = vec![[[0_u32; WORDS]; WORDS]; model.k()];
    let mut met: Vec<u32> = Vec::new();
    let mut held: Vec<(usize, usize)> = Vec::new();
    for document in corpus.documents() {
        met.clear();
        met.extend(document.iter().filter(|word| is_leading[**word as usize]));
        met.sort_unstable();
        met.dedup();
        held.clear();
        for word in &met {
            held.extend_from_slice(&places[&(*word as usize)]);
        }
        held.sort_unstable();
        for (index, (topic, place)) in held.iter().enumerate() {
            for (_, other) in held[index..].iter().take_while(|(other, _)| other == topic) {
                together[*topic][*place][*other] += 1;
            }
        }
    }
    let documents = corpus.len() as f64;
    let topics = tops.iter().zip(&together).map(|(terms, met)| npmi(terms.len(), met, documents)).collect();
    let leading: usize = tops.iter().map(Vec::len).sum();
    Quality { npmi: topics, diversity: kept(places.len() as f64 / leading.max(1) as f64) }
}

fn npmi(terms: usize, met: &[[u32; WORDS]; WORDS], documents: f64) -> f64 {
    let mut sum = 0.0;
    let mut pairs = 0_u32;
    for first in 0..terms {
        for second in first + 1..terms {
            let both = f64::from(met[first][second]);
            let apart = f64::from(met[first][first]) * f64::from(met[second][second]);
            sum += if both == 0.0 {
                -1.0
            } else if both >= documents {
                1.0
            } else {
                (both * documents / apart).ln() / -(both / documents).ln()
            };
            pairs += 1;
        }
    }
    if pairs == 0 { 0.0 } else { kept(sum / f64::from(pairs)) }
}
