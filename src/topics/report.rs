//! A model as one HTML file that can be handed to somebody: its topics with their words, how near they are to one
//! another, their shares hour by hour, the questions' answers, and how all of it came about.
//!
//! The file is self-contained: charts are SVG within it, there is no script, and it names no address; a policy at its
//! head forbids browsers to fetch or run anything. Foreign text (words, names, users, posts) stands in it as text and
//! nothing else. It prints.

mod charts;
mod page;

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;

use super::TopicsError;
use super::browse::{self, Relevance};
use super::kept::{Asked, TypicalPost, typical_posts};
use super::model::{Method, Model};
use super::questions::{self, Answer, Answers, Body, HeatMap, Predicted, SharesPerHour};
use super::shelf::Shelf;
use super::store::{Text, read_text};
use super::text::TextCounts;
use crate::lake::{Hour, LakeError, Place};
use crate::text::{count, counted};
use charts::Shade;
use page::{Page, css, escape};

const STYLE: &str = include_str!("../../assets/report.css");
/// How words can be ranked, by λ in hundredths.
const LAMBDAS: [u8; 3] = [100, 60, 30];
/// Words of a topic.
const WORDS: usize = 12;
/// Words that stand for the name of a topic that has none, and how they are ranked.
const LEADING: usize = 2;
const LEADING_LAMBDA: f32 = 0.6;
/// Posts of a topic, and how much of a long one is shown.
const POSTS: usize = 3;
const LONGEST: usize = 280;
/// Topics that have a card; of more, only the words are listed.
const CARDS: usize = 100;
/// Rows of a table or a heat map, and columns of a heat map.
const ROWS: usize = 20;
const COLUMNS: usize = 24;

/// What a report is made of.
#[derive(Debug, Clone)]
pub struct Report {
    /// What it is about.
    pub title: String,
    /// The model.
    pub model: Arc<Model>,
    /// What became of posts before they were fitted; none if the model came from tokens.
    pub text: Option<Text>,
    /// The questions' answers, if there are hours to ask.
    pub answers: Option<Answers>,
    /// The shares of topics hour by hour; of no hours if there are no predictions.
    pub hours: SharesPerHour,
    /// For each topic, posts that are most of it; none if there are no texts.
    pub posts: Vec<Vec<TypicalPost>>,
    /// How words are ranked at first, in hundredths of λ.
    pub lambda: u8,
    /// When it is made.
    pub made: Timestamp,
}

impl Report {
    /// Gathers what is kept with a model, beside the answers that its door has asked for.
    pub async fn gather(
        shelf: &Shelf,
        model: Arc<Model>,
        title: String,
        answers: Option<Answers>,
        lambda: u8,
    ) -> Result<Self, TopicsError> {
        let hours = match &answers {
            Some(answers) => answers.shares_per_hour.clone(),
            None => Predicted::read(&shelf.predictions().await?, model.k()).await?.shares_per_hour(),
        };
        shelf.bring("predictions.parquet").await?;
        let (folder, of) = (shelf.folder().to_owned(), Arc::clone(&model));
        let (text, posts) = aside(move || {
            let text = read_text(&folder)?;
            let asked = (0..of.k().min(CARDS)).map(|topic| {
                let words = of.top_terms(topic, WORDS).into_iter();
                Asked { topic, words: words.map(|(term, _)| of.terms[term].clone()).collect() }
            });
            let posts = typical_posts(&folder, &asked.collect::<Vec<_>>(), &text.steps, POSTS)?;
            Ok((text, posts.unwrap_or_default()))
        })
        .await?;
        let text = Some(text).filter(|text| text.counts.posts > 0);
        Ok(Self { title, model, text, answers, hours, posts, lambda, made: Timestamp::now() })
    }

    /// Writes it as a file.
    pub async fn write(self, place: &Place, key: &str) -> Result<(), TopicsError> {
        let page = aside(move || Ok(html(&self))).await?;
        Ok(place.put(key, page.as_bytes()).await?)
    }
}

/// Does what takes long on a thread of its own.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TopicsError> + Send + 'static,
) -> Result<T, TopicsError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| LakeError::Interrupted)?
}

/// The whole page.
pub fn html(report: &Report) -> String {
    let titles = titles(&report.model);
    let mut page = Page::default();
    let lambdas = report.lambdas();
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">");
    page.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    page.raw(format!("<title>{}</title>", escape(&report.title)));
    page.raw(format!("<style>\n{STYLE}{}</style>\n</head>\n<body>", choice(&lambdas)));
    report.head(&mut page);
    report.topics(&mut page, &titles, &lambdas);
    report.map(&mut page, &titles);
    if !report.hours.hours.is_empty() {
        shares(&mut page, &report.hours, &titles);
    }
    if let Some(answers) = &report.answers {
        asked(&mut page, answers, &titles);
    }
    if let Some(text) = &report.text {
        dropped(&mut page, &text.counts);
    }
    report.settings(&mut page);
    page.raw(format!(
        "<footer>Made with hydrant {} on {} UTC.</footer>\n</body>\n</html>",
        env!("CARGO_PKG_VERSION"),
        report.made.strftime("%Y-%m-%d %H:%M")
    ));
    page.finish()
}

/// What topics are called: by their names, or else by their leading words, which say more than a number.
fn titles(model: &Model) -> Vec<String> {
    let named = questions::titles(model).into_iter().enumerate();
    let relevance = Relevance::of(model);
    let title = |(topic, title): (usize, String)| {
        if model.names.get(topic).is_some_and(|name| !name.is_empty()) {
            return title;
        }
        let leading = relevance.terms(topic, LEADING_LAMBDA, LEADING).into_iter();
        let words: Vec<&str> = leading.map(|(term, _)| model.terms[term].as_str()).collect();
        if words.is_empty() { title } else { words.join(" ") }
    };
    named.map(title).collect()
}

/// The rules that show the words of the λ that is chosen.
fn choice(lambdas: &[u8]) -> String {
    let rules = lambdas
        .iter()
        .map(|lambda| format!("#l{lambda}:checked ~ .cards .l{lambda} {{ display: block; }}\n"));
    rules.collect()
}

impl Report {
    fn lambdas(&self) -> Vec<u8> {
        let mut lambdas = LAMBDAS.to_vec();
        if !lambdas.contains(&self.lambda) {
            lambdas.push(self.lambda.min(100));
            lambdas.sort_unstable_by(|a, b| b.cmp(a));
        }
        lambdas
    }

    fn head(&self, page: &mut Page) {
        let model = &self.model;
        let fitted = &model.fitted;
        page.raw(format!("<header><h1>{}</h1>", escape(&self.title)));
        let method = match model.method {
            Method::Lda => "latent Dirichlet allocation: a document may be of several topics",
            Method::LdaTfIdf => {
                "latent Dirichlet allocation of TF-IDF weights: a document may be of several topics"
            }
            Method::Gsdmm => "a Dirichlet multinomial mixture: a document is of one topic",
            Method::Nmf => "non-negative factors of TF-IDF: a document may be of several topics",
        };
        let mut said = format!(
            "{} topics in {}, found by {method}.",
            model.k(),
            counted(fitted.documents, "document", "documents")
        );
        if let Some((first, last)) = self.hours.hours.first().zip(self.hours.hours.last()) {
            let spoken = |hour: &Hour| hour.to_string().replace('T', " ");
            write!(said, " Posts from {}:00 to {}:59 UTC.", spoken(first), spoken(last))
                .expect("a String takes every text");
        }
        page.raw(format!("<p>{}</p>", escape(&said)));
        page.raw("<nav><a href=\"#topics\">Topics</a><a href=\"#map\">Map</a>");
        for (there, name, title) in [
            (!self.hours.hours.is_empty(), "hours", "Over time"),
            (self.answers.is_some(), "questions", "Questions"),
            (self.text.is_some(), "dropped", "What was dropped"),
            (true, "settings", "How it was made"),
        ] {
            if there {
                page.raw(format!("<a href=\"#{name}\">{title}</a>"));
            }
        }
        page.raw("</nav>\n<div class=\"figures\">");
        let likelihood = fitted.likelihood.last().map(|(_, nats)| match model.method {
            Method::Nmf => (format!("{:.3}", -nats), "of the text is not explained"),
            Method::Lda | Method::LdaTfIdf | Method::Gsdmm => {
                (format!("{nats:.3}"), "nats a token, likelihood")
            }
        });
        let figures = [
            (count(fitted.documents), "documents"),
            (count(fitted.tokens), "tokens"),
            (count(model.terms.len()), "words"),
            (format!("{:.3}", model.quality.mean_npmi()), "coherence (NPMI), −1 to 1"),
            (format!("{:.2}", model.quality.diversity), "diversity of leading words, 0 to 1"),
        ];
        for (number, what) in figures.into_iter().chain(likelihood) {
            page.raw(format!("<div><b>{number}</b><span>{what}</span></div>"));
        }
        page.raw("</div></header>");
    }

    fn topics(&self, page: &mut Page, titles: &[String], lambdas: &[u8]) {
        page.raw("<section id=\"topics\"><h2>Topics</h2>");
        page.raw(
            "<p>Words by relevance: at λ = 1 those that are most frequent in the topic, towards 0 those that other \
             topics do not have. Bars are the words’ probabilities in the topic. Coherence says whether its leading \
             words occur together. Under the words stand posts that are most of the topic, with how much of each is.</p>",
        );
        for lambda in lambdas {
            let checked = if *lambda == self.lambda { " checked" } else { "" };
            page.raw(format!(
                "<input class=\"lambda choose\" type=\"radio\" name=\"lambda\" id=\"l{lambda}\"{checked}>\
                 <label class=\"lambda choose\" for=\"l{lambda}\">λ = {}</label>",
                f32::from(*lambda) / 100.0
            ));
        }
        page.raw("<div class=\"cards\">");
        for (topic, title) in titles.iter().enumerate().take(CARDS) {
            self.card(page, topic, title, lambdas);
        }
        page.raw("</div>");
        if self.model.k() > CARDS {
            page.raw("<table><thead><tr><th>Topic</th><th class=\"n\">Share</th><th>Words</th></tr></thead><tbody>");
            for (topic, title) in titles.iter().enumerate().skip(CARDS) {
                let words: Vec<String> = self
                    .model
                    .top_terms(topic, WORDS)
                    .into_iter()
                    .map(|(term, _)| escape(&self.model.terms[term]))
                    .collect();
                page.raw(format!(
                    "<tr><td>{topic} {}</td><td class=\"n\">{:.2} %</td><td>{}</td></tr>",
                    escape(title),
                    self.model.shares[topic] * 100.0,
                    words.join(" ")
                ));
            }
            page.raw("</tbody></table>");
        }
        page.raw("</section>");
    }

    fn card(&self, page: &mut Page, topic: usize, title: &str, lambdas: &[u8]) {
        let model = &self.model;
        let npmi = model.quality.npmi.get(topic).copied().unwrap_or_default();
        page.raw(format!(
            "<article class=\"card\"><header><b style=\"background:{};color:{}\">{topic}</b><h3>{}</h3>\
             <span title=\"share of all text, coherence\">{:.1} % · {npmi:.2}</span></header>",
            css(charts::colour(topic)),
            css(charts::ink_on(charts::colour(topic))),
            escape(title),
            model.shares[topic] * 100.0,
        ));
        for lambda in lambdas {
            let terms = browse::relevant_terms(model, topic, f32::from(*lambda) / 100.0, WORDS);
            let largest =
                terms.iter().map(|(term, _)| model.topics[[topic, *term]]).fold(f32::MIN_POSITIVE, f32::max);
            let mut list = format!("<ul class=\"words l{lambda}\">");
            for (term, _) in terms {
                let weight = model.topics[[topic, term]];
                write!(
                    list,
                    "<li><span>{}</span><b><i style=\"width:{:.1}%\"></i></b><small>{:.2} %</small></li>",
                    escape(&model.terms[term]),
                    weight / largest * 100.0,
                    weight * 100.0
                )
                .expect("a String takes every text");
            }
            page.raw(format!("{list}</ul>"));
        }
        if let Some(posts) = self.posts.get(topic).filter(|posts| !posts.is_empty()) {
            let mut list = String::from("<ul class=\"posts\">");
            for post in posts {
                let text = escape(&crate::text::fit(&post.text, LONGEST, "…"));
                let alike = if post.posts > 1 {
                    format!(" and {} alike", count(post.posts - 1))
                } else {
                    String::new()
                };
                write!(list, "<li>{text} <small>{:.0} %{alike}</small></li>", post.share * 100.0)
                    .expect("a String takes every text");
            }
            page.raw(format!("{list}</ul>"));
        }
        page.raw("</article>");
    }

    fn map(&self, page: &mut Page, titles: &[String]) {
        page.raw("<section id=\"map\"><h2>How near topics are</h2>");
        let svg = charts::map(&browse::map(&self.model), &self.model.shares, titles);
        page.figure(
            &svg,
            "Distances are roots of the Jensen–Shannon divergences of the topics’ words, brought into two dimensions by \
             classical scaling; areas are the topics’ shares of all text.",
        );
        page.raw("</section>");
    }

    fn settings(&self, page: &mut Page) {
        let model = &self.model;
        let fitted = &model.fitted;
        page.raw("<section id=\"settings\"><h2>How it was made</h2><table><tbody>");
        let mut rows = vec![
            ("Method".to_owned(), model.method.name().to_owned()),
            ("Topics".to_owned(), model.k().to_string()),
            ("Seed".to_owned(), fitted.seed.to_string()),
            ("Passes".to_owned(), {
                let stopped = if fitted.stopped { ", then stopped by the operator" } else { "" };
                format!("{}{stopped}", fitted.iterations)
            }),
        ];
        if let Some(text) = &self.text {
            let steps = &text.steps;
            let words = &steps.vocabulary;
            rows.extend([
                ("Retweets".to_owned(), if steps.retweets { "kept" } else { "dropped" }.to_owned()),
                ("Posts".to_owned(), format!("of more than {} words", steps.longer_than)),
                (
                    "Words".to_owned(),
                    format!(
                        "of at least {} letters{}",
                        steps.letters,
                        if steps.ascii { ", from a to z alone" } else { "" }
                    ),
                ),
                (
                    "Stop words".to_owned(),
                    format!(
                        "{}, and {} of the operator’s own",
                        steps.languages.join(", "),
                        steps.stop_words.len()
                    ),
                ),
                (
                    "Near-duplicates".to_owned(),
                    format!("folded if they share {} of their words", steps.alike),
                ),
                (
                    "Vocabulary".to_owned(),
                    format!(
                        "words of at least {} documents and at most {} of all, at most {}",
                        words.least,
                        words.most,
                        count(words.size)
                    ),
                ),
            ]);
        }
        let seconds = fitted.seconds.phases().map(|(phase, took)| format!("{phase} {took:.2} s"));
        rows.push(("Time".to_owned(), seconds.collect::<Vec<_>>().join(", ")));
        for (what, value) in rows {
            page.raw(format!("<tr><th>{}</th><td>{}</td></tr>", escape(&what), escape(&value)));
        }
        page.raw("</tbody></table>");
        if fitted.likelihood.len() > 1 {
            let caption = match model.method {
                Method::Nmf => "How far off the factors are, from pass to pass: 0 would be not at all.",
                Method::Lda | Method::LdaTfIdf | Method::Gsdmm => {
                    "Log-likelihood of a token, in nats, as it rose from pass to pass."
                }
            };
            page.figure(&charts::likelihood(&fitted.likelihood), caption);
        }
        page.raw("</section>");
    }
}

fn shares(page: &mut Page, hours: &SharesPerHour, titles: &[String]) {
    let shown = titles.len().min(charts::COLOURS.len());
    page.raw("<section id=\"hours\"><h2>Over time</h2>");
    page.figure(
        &charts::hours(hours, shown),
        "How much of each hour’s posts belongs to each topic, in UTC; days, where there are more than two weeks. \
         Where there is no bar, there are no posts; longer gaps are cut short.",
    );
    let mut legend = String::from("<ul class=\"legend\">");
    let entry = |legend: &mut String, colour, title: &str| {
        write!(legend, "<li><i style=\"background:{}\"></i>{}</li>", css(colour), escape(title))
            .expect("a String takes every text");
    };
    for (topic, title) in titles.iter().enumerate().take(shown) {
        entry(&mut legend, charts::colour(topic), &format!("{topic} {title}"));
    }
    if titles.len() > shown {
        entry(&mut legend, charts::REST, &format!("{} smaller topics", titles.len() - shown));
    }
    page.raw(format!("{legend}</ul></section>"));
}

/// The answer where nothing answers, and the end of its section.
const NOBODY: &str = "<p class=\"faint\">Nothing: none of these posts has what it asks for.</p></section>";

/// The questions' answers: heat maps first, then tables.
fn asked(page: &mut Page, answers: &Answers, titles: &[String]) {
    page.raw("<section id=\"questions\"><h2>Questions</h2>");
    page.raw(format!(
        "<p>About the {} of {} posts that have a topic. A post counts for the topic that it is most of.</p>",
        count(answers.with_topic),
        count(answers.posts)
    ));
    let (tables, maps): (Vec<&Answer>, Vec<&Answer>) =
        answers.answers.iter().partition(|answer| matches!(answer.body, Body::Table(_)));
    for answer in maps {
        if let Body::HeatMap { heat_map } = &answer.body {
            page.raw(format!("<section class=\"answer\"><h3>{}</h3>", escape(&answer.question)));
            if heat_map.cells.iter().flatten().all(|count| *count == 0) {
                page.raw(NOBODY);
                continue;
            }
            let by_row = heat_map.columns_are == "topic";
            let shade = if by_row { Shade::Row } else { Shade::All };
            let mut caption = String::from("Posts. ");
            caption.push_str(if by_row {
                "The darker, the more of its row’s posts are about the topic."
            } else {
                "The darker, the more posts."
            });
            for (all, shown, what) in [
                (heat_map.rows.len(), ROWS, heat_map.rows_are),
                (heat_map.columns.len(), COLUMNS, heat_map.columns_are),
            ] {
                if all > shown {
                    write!(caption, " The first {shown} of {all} by {what}.")
                        .expect("a String takes every text");
                }
            }
            page.figure(&charts::heat(&titled(heat_map, titles), shade, ROWS, COLUMNS), &caption);
            page.raw("</section>");
        }
    }
    page.raw("<div class=\"tables\">");
    for answer in tables {
        page.raw(format!("<section class=\"answer\"><h3>{}</h3>", escape(&answer.question)));
        let table = answer.table();
        if table.rows.is_empty() {
            page.raw(NOBODY);
            continue;
        }
        page.table(&table, ROWS);
        page.raw("</section>");
    }
    page.raw("</div>");
    for one in &answers.unanswered {
        page.raw(format!(
            "<p class=\"faint\">Not answered: {}, since {}.</p>",
            escape(&one.name.replace('_', " ")),
            escape(&one.because)
        ));
    }
    page.raw("</section>");
}

/// A heat map whose topics are called as everywhere in the report.
fn titled(map: &HeatMap, titles: &[String]) -> HeatMap {
    let mut map = map.clone();
    if map.columns_are == "topic" && map.columns.len() == titles.len() {
        map.columns = titles.iter().enumerate().map(|(topic, title)| format!("{topic} {title}")).collect();
    }
    map
}

/// What the steps dropped, in the order in which posts go through them.
fn dropped(page: &mut Page, counts: &TextCounts) {
    page.raw("<section id=\"dropped\"><h2>What was dropped, and why</h2><table><tbody>");
    let unknown = counts.unknown.map(|unknown| (unknown, "posts have none of them, and no topic"));
    let counted = [
        (counts.posts, "posts came in"),
        (counts.retweets, "retweets were dropped"),
        (counts.short, "posts were dropped for having too few words"),
        (counts.empty, "posts were dropped since no word was left that counts"),
        (counts.equal, "posts say what another says, and were folded into it"),
        (counts.near, "posts differ from another by a word or two, and were folded into it"),
        (counts.documents, "documents are left"),
        (counts.stop_words, "tokens were stop words"),
        (counts.words_dropped, "words are in too few documents, or in too many"),
        (counts.vocabulary, "words are left"),
    ];
    for (number, what) in counted.into_iter().chain(unknown) {
        page.raw(format!("<tr><td class=\"n\">{}</td><td>{what}</td></tr>", count(number)));
    }
    page.raw("</tbody></table><p class=\"faint\">Posts that were folded have their topics all the same.</p></section>");
}

#[cfg(test)]
mod tests;
