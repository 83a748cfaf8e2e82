//! What every method promises.

use std::fmt::Write as _;

use ndarray::Array2;
use tokio_util::sync::CancellationToken;

use super::predict::Predictor;
use super::random::Draws;
use super::*;

const ALL: [Method; 4] = [Method::Lda, Method::LdaTfIdf, Method::Gsdmm, Method::Nmf];

/// Posts about so many subjects, each with ten words of its own, and some words that belong to all.
fn planted(subjects: u32, posts: u64, length: u64) -> (Corpus, Vec<u32>) {
    let draws = Draws::new(7, 1);
    let mut text = String::new();
    let mut about = Vec::new();
    for post in 0..posts {
        let subject = draws.below(post * 1_000, subjects);
        about.push(subject);
        for place in 0..length {
            let at = post * 1_000 + 1 + place * 2;
            let word = draws.below(at, 10);
            let own = draws.below(at + 1, 5) > 0;
            if own {
                write!(text, "s{subject}w{word} ").expect("a String takes every text");
            } else {
                write!(text, "common{word} ").expect("a String takes every text");
            }
        }
        text.push('\n');
    }
    (Corpus::from_lines(&text), about)
}

fn order(method: Method, k: usize) -> Order {
    Order { method: Some(method), k: Some(k), ..Order::default() }
}

/// How many of the leading words of each topic are of one subject, at worst.
fn purest_words(model: &Model, topics: usize) -> usize {
    let of_one_subject = |topic: usize| {
        let words: Vec<&str> =
            model.top_terms(topic, 8).iter().map(|(term, _)| model.terms[*term].as_str()).collect();
        let same = |word: &&&str| word.starts_with('s') && word[..2] == words[0][..2];
        words.iter().filter(same).count()
    };
    (0..topics).map(of_one_subject).min().unwrap_or_default()
}

/// How many documents are with those of their own subject, if every topic is called after its most frequent subject.
fn purity(shares: &Array2<f32>, about: &[u32]) -> f64 {
    let subjects = about.iter().max().map_or(0, |most| *most as usize + 1);
    let mut met = vec![vec![0_u32; subjects]; shares.ncols()];
    for (row, subject) in shares.rows().into_iter().zip(about) {
        let topic = (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap_or_default();
        met[topic][*subject as usize] += 1;
    }
    let right: u32 = met.iter().map(|subjects| subjects.iter().max().copied().unwrap_or_default()).sum();
    f64::from(right) / f64::from(u32::try_from(about.len()).expect("few"))
}

#[test]
fn planted_topics_are_found_by_every_method() {
    for method in ALL {
        let (corpus, about) = planted(5, 600, 8);
        // From one beginning or another, a sampler may part one subject and put two together: the likeliest of three.
        let k = if method == Method::Gsdmm { 20 } else { 5 };
        let from =
            |seed| Order { seed: Some(seed), ..order(method, k) }.fit(corpus.clone()).expect("a model");
        let likelihood = |found: &Found| found.model.fitted.likelihood.last().map_or(0.0, |last| last.1);
        let found = [88, 1, 2].map(from).into_iter().max_by(|a, b| likelihood(a).total_cmp(&likelihood(b)));
        let found = found.expect("three");
        assert!(
            purest_words(&found.model, 5) >= 7,
            "{method:?}: {:?}",
            Description::from(&found.model).topics
        );
        assert!(purity(&found.shares, &about) > 0.95, "{method:?}: {}", purity(&found.shares, &about));
        assert!(found.model.quality.mean_npmi() > 0.1, "{method:?}: {:?}", found.model.quality);
    }
}

#[test]
fn surplus_topics_empty_themselves() {
    let (corpus, _) = planted(4, 400, 8);
    let model = order(Method::Gsdmm, 60).fit(corpus).expect("a model").model;
    assert!((4..12).contains(&model.k()), "{} topics are left", model.k());
}

#[test]
fn the_same_seed_is_the_same_model_on_any_number_of_threads() {
    // Long documents and empty ones take other paths: they are among them.
    let (mut corpus, _) = planted(6, 900, 9);
    corpus.push([]);
    corpus.push((0..100).map(|word| word % 60));
    for method in ALL {
        let fit = |threads, seed| {
            let order = Order {
                threads: Some(threads),
                iterations: Some(12),
                seed: Some(seed),
                learn_alpha: true,
                ..order(method, 7)
            };
            let found = order.fit(corpus.clone()).expect("a model");
            let bits =
                |numbers: &Array2<f32>| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
            (bits(&found.model.topics), bits(&found.shares), found.model.prior)
        };
        let one = fit(1, 3);
        for threads in [2, 3, 8] {
            assert!(fit(threads, 3) == one, "{method:?} differs on {threads} threads");
        }
        // What is planted this plainly, the mixture finds from wherever it begins.
        assert!(method == Method::Gsdmm || fit(1, 4) != one, "{method:?} does not heed its seed");
    }
}

#[test]
fn the_likelihood_rises() {
    let (corpus, _) = planted(5, 600, 8);
    for method in [Method::Lda, Method::LdaTfIdf, Method::Gsdmm] {
        let likelihood = order(method, 10).fit(corpus.clone()).expect("a model").model.fitted.likelihood;
        let (first, last) = (likelihood[0].1, likelihood[likelihood.len() - 1].1);
        assert!(last > first, "{method:?}: from {first} to {last}");
    }
    // Alternating least squares never make it worse, but for rounding.
    let errors = order(Method::Nmf, 5).fit(corpus).expect("a model").model.fitted.likelihood;
    assert!(errors.is_sorted_by(|before, after| after.1 > before.1 - 1e-4), "{errors:?}");
}

#[test]
fn shares_are_of_every_line_and_make_one() {
    let corpus = Corpus::from_lines("a b\n\nb c a\nc d\n");
    for method in ALL {
        let shares = order(method, 2).fit(corpus.clone()).expect("a model").shares;
        assert_eq!(shares.nrows(), 4);
        for row in shares.rows() {
            assert!(
                (row.sum() - 1.0).abs() < 1e-5 && row.iter().all(|share| *share >= 0.0),
                "{method:?} {row}"
            );
        }
    }
}

#[test]
fn what_is_saved_loads_to_the_same_model_and_predicts_the_same() {
    for method in ALL {
        let folder = tempfile::tempdir().expect("a folder");
        let (corpus, _) = planted(4, 300, 7);
        let mut found = order(method, 4).fit(corpus).expect("a model");
        found.model.names[1] = "a name".to_owned();
        save(folder.path(), &found.model).expect("saved");
        let loaded = load(folder.path()).expect("loaded");
        assert_eq!(loaded, found.model);
        assert_eq!(Predictor::new(&loaded).shares(&found.corpus), found.shares);
        let unseen = Predictor::new(&loaded).corpus([vec!["s1w1", "unheard", "s1w2", "s1w3"], vec![]]);
        assert_eq!(unseen.document(0).len(), 3);
        let shares = Predictor::new(&loaded).shares(&unseen);
        assert!(shares.row(0).iter().any(|share| *share > 0.5), "{method:?} {shares}");
    }
}

#[test]
fn what_cannot_be_learned_from_is_said_in_a_sentence() {
    let said = |text: &str, method, k| {
        order(method, k)
            .fit(Corpus::from_lines(text))
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    for method in ALL {
        assert!(said("", method, 2).starts_with("there are no documents"));
        assert!(said("\n \n", method, 2).starts_with("of 2 documents, none has a word left"));
        assert!(said("a\na a\n", method, 2).starts_with("the vocabulary is the one word “a”"));
        assert!(
            said("a b\nb a\na b", method, 2).starts_with("no two of the 3 documents hold different words")
        );
        assert!(said("a b c", method, 2).starts_with("no two of the 1 documents"));
        assert!(said("a b\nb c", method, 1).starts_with("1 topics cannot be told apart"));
        assert!(said("a b\nb c", method, 1_001).contains("ask for 2 to 1000"));
        assert!(said("a b\nb c\n", method, 2).is_empty());
    }
    for method in [Method::Lda, Method::LdaTfIdf, Method::Nmf] {
        assert!(
            said("a b\nb c", method, 4).starts_with("4 topics cannot be made of a vocabulary of 3 words")
        );
    }
    let none = Order { iterations: Some(0), ..order(Method::Lda, 2) };
    let none = none.fit(Corpus::from_lines("a b\nb c")).err().map(|error| error.to_string());
    assert_eq!(none.as_deref(), Some("the number of iterations is 0: it must be 1 to 100,000"));
}

#[test]
fn a_fit_that_is_stopped_keeps_the_model_as_it_is() {
    for method in ALL {
        let (corpus, _) = planted(4, 300, 7);
        let stop = CancellationToken::new();
        let at_three = stop.clone();
        let watch = Watch::new(stop, move |step| {
            if step.iteration == 3 {
                at_three.cancel();
            }
        });
        let model = Order { watch, ..order(method, 4) }.fit(corpus).expect("a model").model;
        assert_eq!((model.fitted.iterations, model.fitted.stopped), (3, true), "{method:?}");
        assert!((model.topics.row(0).sum() - 1.0).abs() < 1e-3);
    }
}

#[test]
fn the_method_follows_the_length_of_documents() {
    let order = Order::default();
    assert_eq!(order.method_for(&Corpus::from_lines("a b c\nd e")), Method::Gsdmm);
    assert_eq!(order.method_for(&Corpus::from_lines(&"a b ".repeat(50))), Method::Lda);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
    #[test]
    fn no_documents_upset_a_fit(
        documents in proptest::collection::vec(proptest::collection::vec(0_u32..12, 0..90), 0..24),
        k in 0_usize..9,
    ) {
        let mut corpus = Corpus::over((0..12).map(|word| format!("w{word}")).collect());
        for document in documents {
            corpus.push(document);
        }
        for method in ALL {
            let order = Order { iterations: Some(3), ..order(method, k) };
            if let Ok(found) = order.fit(corpus.clone()) {
                proptest::prop_assert!(found.model.topics.iter().all(|weight| weight.is_finite() && *weight >= 0.0));
                for row in found.model.topics.rows() {
                    proptest::prop_assert!((row.sum() - 1.0).abs() < 1e-3, "{method:?} {row}");
                }
                proptest::prop_assert!(found.shares.iter().all(|share| (0.0..=1.0001).contains(share)));
            }
        }
    }
}

#[test]
fn relevance_goes_from_frequent_to_particular_words() {
    let (corpus, _) = planted(4, 400, 8);
    let model = order(Method::Lda, 4).fit(corpus).expect("a model").model;
    let probable: Vec<usize> = model.top_terms(0, 10).into_iter().map(|(term, _)| term).collect();
    let at = |lambda| {
        browse::relevant_terms(&model, 0, lambda, 10).into_iter().map(|(term, _)| term).collect::<Vec<_>>()
    };
    assert_eq!(at(1.0), probable);
    assert!(at(0.0).iter().all(|term| model.terms[*term].starts_with('s')));
}

#[test]
fn a_map_keeps_the_distances_that_two_dimensions_can_keep() {
    let (corpus, _) = planted(3, 400, 8);
    let model = order(Method::Lda, 3).fit(corpus).expect("a model").model;
    let distances = browse::distances(&model);
    let places = browse::map(&model);
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        let drawn = (places[a].0 - places[b].0).hypot(places[a].1 - places[b].1);
        assert!((drawn - distances[[a, b]]).abs() < 1e-3, "{drawn} instead of {}", distances[[a, b]]);
    }
}
