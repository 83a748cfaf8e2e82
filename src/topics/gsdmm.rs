//! A Dirichlet multinomial mixture by collapsed Gibbs sampling (Yin and Wang 2014): each document is of one topic. The
//! number of topics is an upper bound: those that nobody chooses empty themselves. Made for posts, which are too short
//! to hold several topics.
//!
//! In a pass each document is taken out of its topic and chooses one anew, by how many documents a topic has and how
//! well its words fit. For every word there is a row of ln(n + β), n being its count in each topic, so that a document
//! costs one sum of rows. Empty topics are all alike: they are one column that counts as many times as there are of
//! them, and the rows become as short as the topics that live.
//!
//! A document's choice changes the next one's, so passes are made in order, on one thread: the outcome depends on the
//! seed alone.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "counts become weights; topics are counted in 16 bits"
)]

use linfa::traits::Fit;
use linfa::{DatasetBase, ParamGuard};
use ndarray::Array2;

use super::TopicsError;
use super::corpus::Corpus;
use super::fit::{self, Frame, Framed, Passes, Step};
use super::lanes::{LANES, together};
use super::model::{Fitted, Method, Model};
use super::random::Draws;

/// The parameters, unchecked.
#[derive(Debug, Clone)]
pub struct GsdmmParams(GsdmmValidParams);

/// The parameters, checked.
#[derive(Debug, Clone)]
pub struct GsdmmValidParams {
    frame: Frame,
    alpha: f32,
    beta: f32,
}

impl GsdmmParams {
    /// At most so many topics; 30 passes, α and β 0.1, as in the paper.
    pub fn new(k: usize) -> Self {
        Self(GsdmmValidParams { frame: Frame::new(k, 30), alpha: 0.1, beta: 0.1 })
    }

    /// What is expected of every topic, in documents: how readily an empty one is chosen.
    #[must_use]
    pub fn alpha(mut self, alpha: f32) -> Self {
        self.0.alpha = alpha;
        self
    }

    /// What is expected of every word in every topic, in tokens: the smaller, the more alike a topic's documents.
    #[must_use]
    pub fn beta(mut self, beta: f32) -> Self {
        self.0.beta = beta;
        self
    }
}

impl Framed for GsdmmParams {
    fn frame_mut(&mut self) -> &mut Frame {
        &mut self.0.frame
    }
}

impl ParamGuard for GsdmmParams {
    type Checked = GsdmmValidParams;
    type Error = TopicsError;

    fn check_ref(&self) -> Result<&GsdmmValidParams, TopicsError> {
        self.0.frame.check()?;
        fit::check_prior("alpha", self.0.alpha)?;
        fit::check_prior("beta", self.0.beta)?;
        Ok(&self.0)
    }

    fn check(self) -> Result<GsdmmValidParams, TopicsError> {
        self.check_ref()?;
        Ok(self.0)
    }
}

impl<T> Fit<Corpus, T, TopicsError> for GsdmmValidParams {
    type Object = Model;

    fn fit(&self, dataset: &DatasetBase<Corpus, T>) -> Result<Model, TopicsError> {
        let corpus = dataset.records();
        fit::check_corpus(corpus)?;
        Ok(self.frame.run(
            corpus,
            || State::new(self, corpus),
            |state| self.sample(state),
            |state, fitted| state.model(corpus, fitted),
        ))
    }
}

impl GsdmmValidParams {
    fn sample(&self, state: &mut State) -> Passes {
        let frame = &self.frame;
        let mut likelihoods = Vec::new();
        for pass in 1..=frame.iterations {
            if frame.watch.is_stopped() {
                return (pass - 1, likelihoods);
            }
            let likelihood = state.pass(Draws::new(frame.seed, pass as u64));
            likelihoods.push((pass, likelihood));
            frame.watch.tell(Step { iteration: pass, of: frame.iterations, likelihood: Some(likelihood) });
        }
        (frame.iterations, likelihoods)
    }
}

/// A document: where its words are, how many tokens it has, and the column that it is in.
#[derive(Debug, Clone, Copy)]
struct Document {
    from: usize,
    to: usize,
    tokens: u32,
    column: u32,
}

/// How much a column holds.
#[derive(Debug, Clone, Copy, Default)]
struct Column {
    documents: u32,
    tokens: u32,
}

/// A fit under way. A column is a topic; those without documents are free.
struct State {
    k: usize,
    terms: usize,
    alpha: f64,
    beta: f64,
    documents: Vec<Document>,
    /// Each document's words, and how often each occurs in it.
    words: Vec<(u32, u32)>,
    tokens: usize,
    /// ln(n + β) for every count that can be.
    logarithms: Vec<f32>,
    /// The lengths that documents have, and the row of `costs` of each length.
    lengths: Vec<u32>,
    length_rows: Vec<u32>,

    /// Columns of a row, a multiple of [`LANES`].
    width: usize,
    columns: Vec<Column>,
    /// Columns that hold documents.
    living: usize,
    /// The free column that stands for all topics without documents.
    spare: usize,
    /// Each word's count in each column, a row a word; and its logarithm.
    counts: Vec<u32>,
    logs: Vec<f32>,
    /// ln(documents + α) of each column.
    sizes: Vec<f32>,
    /// What its tokens cost each column: ln Γ(tokens + Vβ + length) − ln Γ(tokens + Vβ), a row a length.
    costs: Vec<f32>,
    scores: Vec<f32>,
    sums: Vec<f32>,
}

impl State {
    fn new(params: &GsdmmValidParams, corpus: &Corpus) -> Self {
        let mut documents = Vec::with_capacity(corpus.len());
        let mut words = Vec::with_capacity(corpus.tokens());
        let mut sorted = Vec::new();
        let mut most_often = 1;
        for document in corpus.documents().filter(|document| !document.is_empty()) {
            sorted.clear();
            sorted.extend_from_slice(document);
            sorted.sort_unstable();
            let from = words.len();
            words.extend(sorted.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u32)));
            most_often = words[from..].iter().map(|(_, times)| *times).fold(most_often, u32::max);
            documents.push(Document { from, to: words.len(), tokens: document.len() as u32, column: 0 });
        }
        let mut lengths: Vec<u32> = documents.iter().map(|document| document.tokens).collect();
        lengths.sort_unstable();
        lengths.dedup();
        let mut length_rows = vec![0; lengths.last().map_or(0, |longest| *longest as usize + 1)];
        for (row, length) in (0..).zip(&lengths) {
            length_rows[*length as usize] = row;
        }
        let most = corpus.frequencies().into_iter().max().unwrap_or_default() + most_often;
        let beta = f64::from(params.beta);
        // There cannot be more topics than documents.
        let k = params.frame.k.min(documents.len());
        let draws = Draws::new(params.frame.seed, 0);
        for (index, document) in (0..).zip(&mut documents) {
            document.column = draws.below(index, k as u32);
        }
        let mut state = Self {
            k,
            terms: corpus.terms().len(),
            alpha: f64::from(params.alpha),
            beta,
            documents,
            words,
            tokens: corpus.tokens(),
            logarithms: (0..=most).map(|count| ln(f64::from(count) + beta) as f32).collect(),
            lengths,
            length_rows,
            width: k,
            columns: Vec::new(),
            living: 0,
            spare: 0,
            counts: Vec::new(),
            logs: Vec::new(),
            sizes: Vec::new(),
            costs: Vec::new(),
            scores: Vec::new(),
            sums: Vec::new(),
        };
        state.lay_out();
        state
    }

    /// Numbers the living topics anew, without gaps, and makes room for them and for some that may come.
    fn lay_out(&mut self) {
        const ROOM: usize = 4;
        let mut numbers: Vec<Option<u32>> = vec![None; self.width];
        self.living = 0;
        for document in &mut self.documents {
            let number = numbers[document.column as usize].get_or_insert_with(|| {
                self.living += 1;
                self.living as u32 - 1
            });
            document.column = *number;
        }
        self.width = (self.living + ROOM).next_multiple_of(LANES);
        self.columns = vec![Column::default(); self.width];
        self.counts = vec![0; self.terms * self.width];
        self.logs = vec![self.logarithms[0]; self.terms * self.width];
        self.sizes = vec![f32::NEG_INFINITY; self.width];
        self.costs = vec![0.0; self.lengths.len() * self.width];
        self.scores = vec![0.0; self.width];
        self.sums = vec![0.0; self.width / LANES];
        for index in 0..self.documents.len() {
            let document = self.documents[index];
            self.hold::<true>(document, document.column as usize);
        }
        for column in 0..self.width {
            self.weigh(column);
        }
        self.spare = self.living;
    }

    /// Puts a document into a column, or takes it out.
    fn hold<const IN: bool>(&mut self, document: Document, column: usize) {
        for (word, times) in &self.words[document.from..document.to] {
            let cell = *word as usize * self.width + column;
            if IN {
                self.counts[cell] += times;
            } else {
                self.counts[cell] -= times;
            }
            self.logs[cell] = self.logarithms[self.counts[cell] as usize];
        }
        let held = &mut self.columns[column];
        if IN {
            held.documents += 1;
            held.tokens += document.tokens;
        } else {
            held.documents -= 1;
            held.tokens -= document.tokens;
        }
    }

    /// Works out what follows from a column's size.
    fn weigh(&mut self, column: usize) {
        self.sizes[column] = self.size(column);
        let mut tokens = Product::new(self.base(column));
        for (row, length) in self.lengths.iter().enumerate() {
            self.costs[row * self.width + column] = tokens.up_to(*length);
        }
    }

    fn size(&self, column: usize) -> f32 {
        match self.columns[column].documents {
            0 => f32::NEG_INFINITY,
            documents => ln(f64::from(documents) + self.alpha) as f32,
        }
    }

    fn base(&self, column: usize) -> f64 {
        f64::from(self.columns[column].tokens) + self.terms as f64 * self.beta
    }

    /// One pass; gives back the mean log-likelihood of a token, each document given all others.
    fn pass(&mut self, draws: Draws) -> f64 {
        let mut likelihood = 0.0;
        for index in 0..self.documents.len() {
            let document = self.documents[index];
            let old = document.column as usize;
            let cost = self.length_rows[document.tokens as usize] as usize * self.width;
            let before = (self.sizes[old], self.costs[cost + old]);
            self.hold::<false>(document, old);
            let left_alone = self.columns[old].documents == 0;
            self.sizes[old] = self.size(old);
            self.costs[cost + old] = Product::new(self.base(old)).up_to(document.tokens);
            let empty = self.k - self.living + usize::from(left_alone);
            self.sizes[self.spare] = ln(empty as f64 * self.alpha) as f32;

            likelihood += self.score(document, cost);
            let mut new = self.draw(draws.unit(index as u64));
            if new == self.spare && left_alone {
                // One empty topic is as good as another.
                new = old;
            }
            self.hold::<true>(document, new);
            if new == old {
                (self.sizes[old], self.costs[cost + old]) = before;
                continue;
            }
            self.documents[index].column = new as u32;
            self.weigh(old);
            self.weigh(new);
            self.living -= usize::from(left_alone);
            if new == self.spare {
                self.living += 1;
                match self.columns.iter().position(|column| column.documents == 0) {
                    Some(free) => self.spare = free,
                    None => self.lay_out(),
                }
            }
        }
        self.sizes[self.spare] = f32::NEG_INFINITY;
        if self.living + 2 * LANES < self.width {
            self.lay_out();
        }
        let priors = ln(self.documents.len() as f64 - 1.0 + self.k as f64 * self.alpha);
        (likelihood - priors * self.documents.len() as f64) / self.tokens as f64
    }

    /// How well each column fits a document that is in none. The scores become weights, the largest of them 1; gives
    /// back the logarithm of their sum.
    fn score(&mut self, document: Document, cost: usize) -> f64 {
        let scores = self.scores.as_chunks_mut::<LANES>().0;
        let costs = self.costs[cost..cost + self.width].as_chunks::<LANES>().0;
        for ((scores, costs), sizes) in scores.iter_mut().zip(costs).zip(self.sizes.as_chunks::<LANES>().0) {
            for lane in 0..LANES {
                scores[lane] = sizes[lane] - costs[lane];
            }
        }
        for (word, times) in &self.words[document.from..document.to] {
            let row = *word as usize * self.width..(*word as usize + 1) * self.width;
            for (scores, logs) in scores.iter_mut().zip(self.logs[row.clone()].as_chunks::<LANES>().0) {
                for lane in 0..LANES {
                    scores[lane] += logs[lane];
                }
            }
            for again in 1..*times {
                for (score, count) in scores.as_flattened_mut().iter_mut().zip(&self.counts[row.clone()]) {
                    *score += self.logarithms[(count + again) as usize];
                }
            }
        }
        let mut most = [f32::NEG_INFINITY; LANES];
        for scores in &*scores {
            for lane in 0..LANES {
                most[lane] = if scores[lane] > most[lane] { scores[lane] } else { most[lane] };
            }
        }
        let most = most.into_iter().fold(f32::NEG_INFINITY, f32::max);
        let mut all = 0.0;
        for (scores, sum) in scores.iter_mut().zip(&mut self.sums) {
            for score in &mut *scores {
                *score = exp(*score - most);
            }
            all += together(*scores);
            *sum = all;
        }
        f64::from(most) + ln(f64::from(all))
    }

    /// The column that a draw falls on.
    fn draw(&self, chance: f32) -> usize {
        let aim = chance * self.sums.last().copied().unwrap_or_default();
        let last = self.sums.len() - 1;
        let chunk = self.sums.iter().map(|sum| usize::from(*sum <= aim)).sum::<usize>().min(last);
        let mut sum = if chunk == 0 { 0.0 } else { self.sums[chunk - 1] };
        let mut likeliest = chunk * LANES;
        for column in chunk * LANES..(chunk + 1) * LANES {
            sum += self.scores[column];
            if aim < sum {
                return column;
            }
            if self.scores[column] > self.scores[likeliest] {
                likeliest = column;
            }
        }
        // Rounding has left the draw beyond the last one.
        likeliest
    }

    fn model(self, corpus: &Corpus, fitted: Fitted) -> Model {
        let mut order: Vec<usize> =
            (0..self.width).filter(|column| self.columns[*column].documents > 0).collect();
        order.sort_by_key(|column| std::cmp::Reverse(self.columns[*column].documents));
        let mut topics = Array2::zeros((order.len(), self.terms));
        for (mut row, column) in topics.rows_mut().into_iter().zip(&order) {
            let weight = self.base(*column);
            let counts = self.counts.iter().skip(*column).step_by(self.width);
            for (cell, count) in row.iter_mut().zip(counts) {
                *cell = ((f64::from(*count) + self.beta) / weight) as f32;
            }
        }
        let documents = self.documents.len() as f64;
        let shares = order
            .iter()
            .map(|column| (f64::from(self.columns[*column].documents) / documents) as f32)
            .collect();
        Model::made(Method::Gsdmm, corpus, topics, shares, fitted)
    }
}

/// ln (x (x + 1) (x + 2) …): logarithms are dear and products are not, so many factors share one.
struct Product {
    next: f64,
    factors: u32,
    so_far: f64,
    logarithm: f64,
}

impl Product {
    fn new(base: f64) -> Self {
        Self { next: base, factors: 0, so_far: 1.0, logarithm: 0.0 }
    }

    /// The logarithm of the product of so many factors; asked for ever more.
    fn up_to(&mut self, factors: u32) -> f32 {
        while self.factors < factors {
            self.so_far *= self.next;
            self.next += 1.0;
            self.factors += 1;
            // A factor is below 2³², so this never overflows.
            if self.so_far > 1e200 {
                self.logarithm += ln(self.so_far);
                self.so_far = 1.0;
            }
        }
        (self.logarithm + ln(self.so_far)) as f32
    }
}

/// The same on every machine, which the system's own is not.
fn ln(number: f64) -> f64 {
    libm::log(number)
}

/// eˣ for x ≤ 0, to a few parts in ten million: plain arithmetic, eight at a time, the same on every machine.
fn exp(x: f32) -> f32 {
    // Adding and taking away 1.5 · 2²³ rounds to a whole number.
    const ROUND: f32 = 12_582_912.0;
    let x = if x < -87.0 { -87.0 } else { x };
    let whole = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    // ln 2 in two parts, so that nothing is lost.
    let rest = (x - whole * 0.693_359_4) - whole * -2.121_944_4e-4;
    let mut power = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5, 1.0, 1.0] {
        power = power * rest + coefficient;
    }
    power * f32::from_bits(((whole as i32 + 127) << 23).cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_e_are_as_the_systems() {
        for step in 0..8_700 {
            let x = step as f32 * -0.01;
            let (ours, wanted) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((ours / wanted - 1.0).abs() < 1e-6, "e^{x} is {wanted}, not {ours}");
        }
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn products_are_differences_of_log_gamma() {
        let mut product = Product::new(3.0);
        assert!((product.up_to(2) - 12_f32.ln()).abs() < 1e-6);
        assert!((product.up_to(4) - 360_f32.ln()).abs() < 1e-6);
        let many = Product::new(1.0).up_to(1_000);
        assert!((many - 5_912.128).abs() < 0.01, "ln 1000! is not {many}");
    }
}
