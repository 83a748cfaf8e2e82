//! How many topics? Models of several sizes from several seeds, judged by documents that they have not seen.

#![allow(clippy::cast_precision_loss, reason = "means of fewer than 2⁵² things")]

use serde::Serialize;

use super::TopicsError;
use super::corpus::Corpus;
use super::model::Model;
use super::order::Order;
use super::predict::Predictor;
use crate::text::counted;

/// Every tenth document is held out.
const HELD_OUT: usize = 10;
/// A word that a model thinks impossible still happens this often.
const LEAST: f32 = 1e-9;

/// One model of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tried {
    /// Topics that were asked for.
    pub k: usize,
    /// Where chance began.
    pub seed: u64,
    /// Topics that are left.
    pub topics: usize,
    /// Mean log-likelihood of an unseen token, in nats.
    pub held_out: f64,
    /// Mean coherence of the topics' words.
    pub coherence_npmi: f64,
    /// How many of all leading words are different ones.
    pub diversity: f64,
}

/// A sweep's outcome.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sweep {
    /// Every model, in the order of sizes and seeds.
    pub tried: Vec<Tried>,
    /// The size to take; none, if the sweep was stopped before it had tried every one.
    pub recommended: Option<usize>,
    /// Why.
    pub because: String,
}

/// Mean log-likelihood of a token by document completion: a document's topics are told from every other token, and the
/// tokens between are scored.
pub fn held_out(model: &Model, corpus: &Corpus) -> f64 {
    let predictor = Predictor::new(model);
    let mut seen = Corpus::over(corpus.terms().to_vec());
    for document in corpus.documents() {
        seen.push(document.iter().copied().step_by(2));
    }
    let shares = predictor.shares(&seen);
    let mut sum = 0.0;
    let mut tokens = 0_u64;
    for (document, shares) in corpus.documents().zip(shares.rows()) {
        for word in document.iter().skip(1).step_by(2) {
            let column = model.topics.column(*word as usize);
            let weight: f32 = column.iter().zip(shares).map(|(weight, share)| weight * share).sum();
            sum += f64::from(weight.max(LEAST).ln());
            tokens += 1;
        }
    }
    if tokens == 0 { 0.0 } else { sum / tokens as f64 }
}

/// Fits every size from every seed, if all of them can be, and tells `listener` of each. A fit that is stopped is of fewer passes than the others
/// and is not judged beside them: what was tried before is given, and no recommendation.
pub fn sweep(
    corpus: &Corpus,
    order: &Order,
    sizes: &[usize],
    seeds: &[u64],
    mut listener: impl FnMut(&Tried),
) -> Result<Sweep, TopicsError> {
    let learned = corpus.part((0..corpus.len()).filter(|index| index % HELD_OUT != 0));
    let unseen = corpus.part((0..corpus.len()).step_by(HELD_OUT));
    for k in sizes {
        Order { k: Some(*k), ..order.clone() }.check(&learned)?;
    }
    let mut tried = Vec::new();
    for k in sizes {
        for seed in seeds {
            let order = Order { k: Some(*k), seed: Some(*seed), ..order.clone() };
            let model = order.fit(learned.clone())?.model;
            if model.fitted.stopped {
                let because = format!(
                    "it was stopped: {} of {} tried",
                    tried.len(),
                    counted(sizes.len() * seeds.len(), "model was", "models were")
                );
                return Ok(Sweep { tried, recommended: None, because });
            }
            let one = Tried {
                k: *k,
                seed: *seed,
                topics: model.k(),
                held_out: held_out(&model, &unseen),
                coherence_npmi: model.quality.mean_npmi(),
                diversity: model.quality.diversity,
            };
            listener(&one);
            tried.push(one);
        }
    }
    let (recommended, because) = recommend(&tried);
    Ok(Sweep { tried, recommended: Some(recommended), because })
}

/// The smallest size that tells unseen words as well as the best one does, to within what chance makes of the best.
fn recommend(tried: &[Tried]) -> (usize, String) {
    const NOISE: f64 = 0.02;
    let mut sizes: Vec<usize> = tried.iter().map(|one| one.k).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let of = |k: usize| tried.iter().filter(move |one| one.k == k);
    let mean =
        |k: usize, value: fn(&Tried) -> f64| of(k).map(value).sum::<f64>() / of(k).count().max(1) as f64;
    let held_out = |k: usize| mean(k, |one| one.held_out);
    let Some(best) = sizes.iter().copied().max_by(|a, b| held_out(*a).total_cmp(&held_out(*b))) else {
        return (0, "nothing was tried".to_owned());
    };
    let most = of(best).map(|one| one.held_out).fold(f64::NEG_INFINITY, f64::max);
    let least = of(best).map(|one| one.held_out).fold(f64::INFINITY, f64::min);
    let spread = (most - least).max(NOISE);
    let good = sizes.iter().copied().filter(|k| held_out(*k) >= held_out(best) - spread);
    let recommended = good.min().unwrap_or(best);
    let coherence = mean(recommended, |one| one.coherence_npmi);
    // Of what was not tried, nothing is known.
    let is_smallest = sizes.first() == Some(&recommended);
    let of_those = match sizes.len() {
        1 => ", the only number that was tried,",
        _ if is_smallest => ", the smallest number that was tried,",
        _ => "",
    };
    let because = if recommended == best {
        let others = if is_smallest {
            String::new()
        } else {
            format!(", and no smaller number that was tried comes within {spread:.3} of that")
        };
        format!(
            "{best} topics{of_those} tell unseen words best ({:.3} nats a token){others}; coherence is {coherence:.3}",
            held_out(best)
        )
    } else {
        format!(
            "{recommended} topics{of_those} tell unseen words as well ({:.3} nats a token) as {best} do ({:.3}), to within {spread:.3}, which is what the seed alone makes; fewer topics are easier to read, and coherence is {coherence:.3}",
            held_out(recommended),
            held_out(best)
        )
    };
    (recommended, because)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::topics::{Method, Step, Watch};

    fn tried(k: usize, held_out: f64) -> Tried {
        Tried { k, seed: 1, topics: k, held_out, coherence_npmi: 0.1, diversity: 1.0 }
    }

    #[test]
    fn a_model_that_was_cut_short_is_not_judged_and_nothing_is_recommended() {
        let lines: Vec<String> =
            (0..60).map(|line| format!("rocket{} orbit{} moon", line % 3, line % 5)).collect();
        let corpus = Corpus::from_lines(&lines.join("\n"));
        let stop = CancellationToken::new();
        let in_the_second = {
            let (stop, begun) = (stop.clone(), AtomicUsize::new(0));
            Watch::new(stop.clone(), move |step: Step| {
                if step.iteration == 1 && begun.fetch_add(1, Ordering::Relaxed) == 1 {
                    stop.cancel();
                }
            })
        };
        let order = Order {
            method: Some(Method::Lda),
            iterations: Some(30),
            watch: in_the_second,
            ..Order::default()
        };
        let mut told = Vec::new();
        let sweep = sweep(&corpus, &order, &[2, 3, 4], &[1], |one| told.push(one.k)).expect("a sweep");
        assert!(stop.is_cancelled());
        assert_eq!(sweep.tried.iter().map(|one| one.k).collect::<Vec<_>>(), [2]);
        assert_eq!((sweep.recommended, told), (None, vec![2]));
        assert_eq!(sweep.because, "it was stopped: 1 of 3 models were tried");
    }

    #[test]
    fn every_size_is_checked_before_the_first_fit() {
        let corpus = Corpus::from_lines(&"rocket orbit\nmoon orbit\n".repeat(20));
        for (method, size, why) in [
            (Method::Lda, 4, "4 topics cannot be made of a vocabulary of 3 words"),
            (Method::LdaTfIdf, 1_001, "1001 topics cannot be told apart"),
            (Method::Gsdmm, 1, "1 topics cannot be told apart"),
            (Method::Nmf, 0, "0 topics cannot be told apart"),
        ] {
            let order = Order { method: Some(method), iterations: Some(2), ..Order::default() };
            let refused = sweep(&corpus, &order, &[2, size], &[1], |one| panic!("it was fitted: {one:?}"));
            let refused = refused.expect_err("one of them cannot be").to_string();
            assert!(refused.starts_with(why), "{refused}");
        }
    }

    #[test]
    fn the_smallest_that_is_as_good_is_recommended_with_its_reason() {
        let (k, because) = recommend(&[tried(5, -9.0), tried(10, -8.505), tried(20, -8.50), tried(40, -8.7)]);
        assert_eq!(k, 10);
        assert!(because.contains("as well (-8.505 nats a token) as 20 do"), "{because}");
        let (k, because) = recommend(&[tried(5, -9.0), tried(10, -8.0)]);
        assert_eq!(k, 10);
        assert!(because.contains("10 topics tell unseen words best (-8.000 nats a token), and no smaller number that was tried comes within 0.020"), "{because}");
    }

    #[test]
    fn of_numbers_that_were_not_tried_nothing_is_said() {
        for (tried, says) in [
            (
                &[tried(5, -8.0)][..],
                "5 topics, the only number that was tried, tell unseen words best (-8.000",
            ),
            (
                &[tried(5, -8.0), tried(10, -9.0)],
                "5 topics, the smallest number that was tried, tell unseen words best (-8.000",
            ),
            (
                &[tried(5, -8.0), tried(10, -7.99)],
                "5 topics, the smallest number that was tried, tell unseen words as well (-8.000",
            ),
        ] {
            let (k, because) = recommend(tried);
            assert_eq!(k, 5);
            assert!(because.starts_with(says) && !because.contains("no smaller"), "{because}");
        }
    }
}
