//! The forms of the Topics pane: where posts come from, what becomes of them, and how they are fitted. What is left
//! empty is as it proved best.

use std::str::FromStr;

use jiff::Timestamp;

use crate::console::effect::topics::{From, Planned, Wish};
use crate::console::overlay::Overlay;
use crate::console::pane::{Ask, Pane, engine};
use crate::console::theme::Role;
use crate::console::widget::dialog::{Confirm, Dialog, Field};
use crate::console::widget::input::Input;
use crate::lake::hours::Span;
use crate::settings::EngineName;
use crate::topics::{MOST_TOPICS, Method, Order, TextSteps, VocabularyRule};

/// Cells of a line of a plan: it fits the smallest screen.
const WIDE: usize = 68;

/// The question of a fit.
pub(super) const FIT: &str = "fit";
/// The question of a job on Spark, whose plan it shows.
pub(super) const JOB: &str = "job";
/// What is asked about.
pub(super) const ASK: &str = "ask";
/// The question of a sweep.
const SWEEP: &str = "sweep";

/// The fields that both forms have, in their order; behind them come their own.
#[derive(Debug, Clone, Copy)]
enum At {
    Since,
    Until,
    Files,
    LongerThan,
    Letters,
    LeastPosts,
    Method,
}

/// How many fields both have.
const COMMON: usize = At::Method as usize + 1;
/// How many of them say which posts.
const POSTS: usize = At::Files as usize + 1;
/// The fields of a fit alone.
const TOPICS: usize = COMMON;
const PASSES: usize = COMMON + 1;
const SEED: usize = COMMON + 2;
const NAME: usize = COMMON + 3;
const ENGINE: usize = COMMON + 4;
/// The fields of a sweep alone.
const SIZES: usize = COMMON;
const SEEDS: usize = COMMON + 1;

const METHODS: [(&str, Option<Method>); 5] = [
    ("by length", None),
    ("lda", Some(Method::Lda)),
    ("gsdmm", Some(Method::Gsdmm)),
    ("nmf", Some(Method::Nmf)),
    ("lda-tfidf", Some(Method::LdaTfIdf)),
];

fn text(label: &str, value: &str, check: fn(&str) -> Result<(), String>) -> Field {
    let mut input = Input::default();
    input.paste(value);
    Field::Text { label: label.to_owned(), input, check }
}

fn common() -> Vec<Field> {
    let steps = TextSteps::default();
    vec![
        text("posts since", "", check_hour),
        text("posts until", "", check_hour),
        text("or from files", "", |_| Ok(())),
        text("longer than (words)", &steps.longer_than.to_string(), number::<usize>),
        text("words from (letters)", &steps.letters.to_string(), number::<usize>),
        text("in at least (posts)", &steps.vocabulary.least.to_string(), number::<u32>),
        Field::Choice {
            label: "method".to_owned(),
            options: METHODS.map(|(name, _)| name.to_owned()).to_vec(),
            chosen: 0,
        },
    ]
}

/// What was filled in that the next form begins with.
pub(super) fn filled(dialog: &Dialog) -> Vec<Field> {
    dialog.fields.iter().take(COMMON).cloned().collect()
}

/// What was filled in of which posts are meant, in what the next form begins with.
pub(super) fn filled_posts(filled: Option<Vec<Field>>, dialog: &Dialog) -> Vec<Field> {
    let mut fields = filled.unwrap_or_else(common);
    fields.splice(..POSTS, dialog.fields.iter().take(POSTS).cloned());
    fields
}

/// Asks which posts the questions are about.
pub(super) fn ask_about(filled: Option<&[Field]>) -> Ask {
    let mut fields = filled.map_or_else(common, <[Field]>::to_vec);
    fields.truncate(POSTS);
    let body = [
        "Eleven questions about the posts whose topics are kept with the model.",
        "From the lake's combined hours (2026-11-22, 2026-11-22T18), or files.",
    ];
    ask("What do its posts say?", ASK, &body, fields, "ask")
}

/// What was filled in: the posts.
pub(super) fn read_about(dialog: &Dialog) -> Result<From, String> {
    from(dialog)
}

/// Asks how to fit.
pub(super) fn ask_fit(filled: Option<&[Field]>, now: Timestamp) -> Ask {
    let mut fields = filled.map_or_else(common, <[Field]>::to_vec);
    fields.extend([
        text("topics", "", check_topics),
        text("passes", "", check_optional),
        text("seed", "88", number::<u64>),
        text("kept as", &now.strftime("%Y-%m-%d-%H%M").to_string(), check_name),
        engine::field(false),
    ]);
    let body = [
        "From the lake's combined hours (2026-11-22, 2026-11-22T18), or files.",
        "Topics, if empty: 20; gsdmm finds how many there are, up to 100.",
        "Passes, if empty: until it no longer gains. Spark's plan is shown first.",
    ];
    ask("Fit a model", FIT, &body, fields, "fit")
}

/// Asks what to try.
pub(super) fn ask_sweep(filled: Option<&[Field]>) -> Ask {
    let mut fields = filled.map_or_else(common, <[Field]>::to_vec);
    fields.extend([
        text("numbers of topics", "5, 10, 20, 40", |text| {
            list::<usize>(text).and_then(|sizes| sizes.into_iter().try_for_each(in_bounds))
        }),
        text("seeds", "1, 2, 3", |text| list::<u64>(text).map(drop)),
    ]);
    let body = [
        "From the lake's combined hours (2026-11-22, 2026-11-22T18), or files.",
        "Each number is fitted from each seed without every tenth post, and",
        "judged by how well it tells those. No model is kept.",
    ];
    ask("How many topics?", SWEEP, &body, fields, "try them")
}

fn ask(title: &str, name: &'static str, body: &[&str], fields: Vec<Field>, does: &'static str) -> Ask {
    let body = body.iter().map(|line| ((*line).to_owned(), Role::Faint)).collect();
    let dialog = Dialog::new(title, body, Confirm::Enter { does }).with(fields);
    Ask::open(Overlay::question(Pane::Topics, name, dialog))
}

/// What was filled in: the fit and its name.
pub(super) fn read_fit(dialog: &Dialog) -> Result<(Wish, String), String> {
    let mut wish = wish(dialog)?;
    wish.order.k = optional(&dialog.text(TOPICS))?;
    wish.order.iterations = optional(&dialog.text(PASSES))?;
    wish.order.seed = optional(&dialog.text(SEED))?;
    let name = dialog.text(NAME);
    check_name(&name)?;
    Ok((wish, name))
}

/// Where Spark is to fit; `None` if hydrant itself is.
pub(super) fn read_engine(dialog: &Dialog) -> Option<EngineName> {
    engine::chosen(dialog, ENGINE)
}

/// Shows the plan of a job on Spark, and asks whether it is to be handed over, unless something stands in the way.
pub(super) fn ask_job(planned: &Planned, hindrance: Option<String>) -> Ask {
    let line = |text: &str, role| (text.to_owned(), role);
    let mut body: Vec<_> = planned
        .plan
        .iter()
        .flat_map(|text| crate::text::wrap(text, WIDE))
        .map(|text| line(&text, Role::Text))
        .collect();
    if let Some(advice) = &planned.advice {
        body.push(line("", Role::Text));
        body.extend(crate::text::wrap(advice, WIDE).iter().map(|text| line(text, Role::Warn)));
    }
    let confirm = match hindrance {
        Some(why) => {
            body.push(line("", Role::Text));
            body.extend(crate::text::wrap(&why, WIDE).iter().map(|text| line(text, Role::Warn)));
            Confirm::Nothing
        }
        None => Confirm::Enter { does: "hand it over" },
    };
    let title = format!("A job on Spark: {} {}", planned.job.words(), planned.job.engine.at());
    Ask::open(Overlay::question(Pane::Topics, JOB, Dialog::new(title, body, confirm)))
}

/// What was filled in: the fits, their numbers of topics, and their seeds.
pub(super) fn read_sweep(dialog: &Dialog) -> Result<(Wish, Vec<usize>, Vec<u64>), String> {
    Ok((wish(dialog)?, list(&dialog.text(SIZES))?, list(&dialog.text(SEEDS))?))
}

fn from(dialog: &Dialog) -> Result<From, String> {
    let field = |at: At| dialog.text(at as usize);
    let (since, until, files) = (field(At::Since), field(At::Until), field(At::Files));
    let filled = |text: &'_ String| !text.is_empty();
    if files.is_empty() {
        let ends = (Some(since).filter(filled), Some(until).filter(filled));
        let span = Span::parse(ends.0.as_deref(), ends.1.as_deref()).map_err(|error| error.to_string())?;
        return Ok(From::Lake(span));
    }
    Ok(From::Paths(files.split(',').map(|path| path.trim().to_owned()).filter(filled).collect()))
}

fn wish(dialog: &Dialog) -> Result<Wish, String> {
    let field = |at: At| dialog.text(at as usize);
    let from = from(dialog)?;
    let usual = VocabularyRule::default();
    let steps = TextSteps {
        longer_than: parse(&field(At::LongerThan))?,
        letters: parse(&field(At::Letters))?,
        vocabulary: VocabularyRule { least: parse(&field(At::LeastPosts))?, ..usual },
        ..TextSteps::default()
    };
    let chosen = field(At::Method);
    let method = METHODS.iter().find(|(name, _)| *name == chosen).and_then(|(_, method)| *method);
    Ok(Wish { from, steps, order: Order { method, ..Order::default() } })
}

fn parse<T: FromStr>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| "a number is wanted".to_owned())
}

fn optional<T: FromStr>(text: &str) -> Result<Option<T>, String> {
    if text.trim().is_empty() { Ok(None) } else { parse(text).map(Some) }
}

fn list<T: FromStr>(text: &str) -> Result<Vec<T>, String> {
    text.split([',', ' ']).filter(|part| !part.is_empty()).map(parse).collect::<Result<Vec<T>, _>>().and_then(
        |list| {
            if list.is_empty() { Err("some numbers".to_owned()) } else { Ok(list) }
        },
    )
}

fn number<T: FromStr>(text: &str) -> Result<(), String> {
    parse::<T>(text).map(drop)
}

fn check_optional(text: &str) -> Result<(), String> {
    optional::<usize>(text).map(drop)
}

fn check_topics(text: &str) -> Result<(), String> {
    optional::<usize>(text)?.map_or(Ok(()), in_bounds)
}

fn in_bounds(topics: usize) -> Result<(), String> {
    if (2..=MOST_TOPICS).contains(&topics) { Ok(()) } else { Err(format!("2 to {MOST_TOPICS}")) }
}

fn check_hour(text: &str) -> Result<(), String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(());
    }
    Span::parse(Some(text), None).map(drop).map_err(|_| "an hour or a day".to_owned())
}

/// A name is a folder's: one that cannot lead anywhere else.
fn check_name(text: &str) -> Result<(), String> {
    let text = text.trim();
    if text.is_empty() || text.starts_with('.') || text.contains(['/', '\\']) || text.len() > 100 {
        return Err("a name without slashes".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::Hour;

    fn form(ask: &Ask) -> Dialog {
        let Ask::Open(overlay) = ask else { panic!("{ask:?}") };
        overlay.dialog().expect("a question").clone()
    }

    fn fill(dialog: &mut Dialog, field: usize, value: &str) {
        let Some(Field::Text { input, .. }) = dialog.fields.get_mut(field) else { panic!("field {field}") };
        *input = Input::default();
        input.paste(value);
    }

    #[test]
    fn what_is_left_as_it_is_is_as_it_proved_best() {
        let dialog = form(&ask_fit(None, Timestamp::UNIX_EPOCH));
        assert_eq!(dialog.problem(), None);
        let (wish, name) = read_fit(&dialog).expect("good");
        assert_eq!((wish.from, name.as_str()), (From::Lake(Span::default()), "1970-01-01-0000"));
        assert_eq!(wish.steps, TextSteps::default());
        let order = wish.order;
        assert_eq!((order.method, order.k, order.iterations, order.seed), (None, None, None, Some(88)));
    }

    #[test]
    fn what_is_filled_in_is_what_is_fitted_and_the_next_form_begins_with_it() {
        let mut dialog = form(&ask_fit(None, Timestamp::UNIX_EPOCH));
        fill(&mut dialog, At::Since as usize, "2026-11-22");
        fill(&mut dialog, At::LongerThan as usize, "3");
        fill(&mut dialog, TOPICS, "12");
        let Some(Field::Choice { chosen, .. }) = dialog.fields.get_mut(At::Method as usize) else {
            panic!("a choice")
        };
        *chosen = 2;
        let (wish, _) = read_fit(&dialog).expect("good");
        let since: Hour = "2026-11-22T00".parse().expect("an hour");
        assert_eq!(wish.from, From::Lake(Span { since: Some(since), until: None }));
        assert_eq!((wish.steps.longer_than, wish.order.k), (3, Some(12)));
        assert_eq!(wish.order.method, Some(Method::Gsdmm));
        let mut next = form(&ask_sweep(Some(&filled(&dialog))));
        fill(&mut next, At::Files as usize, "a.parquet, s3://bucket/b/");
        let (wish, sizes, seeds) = read_sweep(&next).expect("good");
        assert_eq!(wish.from, From::Paths(vec!["a.parquet".to_owned(), "s3://bucket/b/".to_owned()]));
        assert_eq!((wish.steps.longer_than, sizes, seeds), (3, vec![5, 10, 20, 40], vec![1, 2, 3]));
    }

    #[test]
    fn what_makes_no_sense_says_so_before_anything_begins() {
        for (field, value) in [
            (At::Since as usize, "yesterday"),
            (At::LongerThan as usize, "many"),
            (TOPICS, "1"),
            (TOPICS, "1001"),
            (PASSES, "x"),
            (SEED, ""),
            (NAME, ""),
            (NAME, "../elsewhere"),
            (NAME, ".hidden"),
        ] {
            let mut dialog = form(&ask_fit(None, Timestamp::UNIX_EPOCH));
            fill(&mut dialog, field, value);
            assert!(dialog.problem().is_some(), "{field}: {value}");
        }
        for (field, value) in [(SIZES, ""), (SIZES, "5, 1"), (SEEDS, "a")] {
            let mut dialog = form(&ask_sweep(None));
            fill(&mut dialog, field, value);
            assert!(dialog.problem().is_some(), "{field}: {value}");
        }
    }
}
