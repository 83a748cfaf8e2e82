use super::*;
use crate::topics::questions::{Cell, Table, Unanswered};
use crate::topics::{Corpus, Order, TextSteps};

fn model(k: usize, hostile: &str) -> Model {
    let mut text = String::new();
    for line in 0..60 {
        for word in 0..5 {
            write!(text, "s{}w{} ", line % 3, (line * 7 + word * 3) % 9).expect("a String takes every text");
        }
        text.push_str(hostile);
        text.push('\n');
    }
    let order = Order { method: Some(Method::Lda), k: Some(k), iterations: Some(40), ..Order::default() };
    order.fit(Corpus::from_lines(&text)).expect("a model").model
}

fn answers(foreign: &str) -> Answers {
    let mut table = Table::new(&["user", "posts"]);
    table.rows.push(vec![Cell::Text(foreign.to_owned()), Cell::Whole(12_345)]);
    let heat_map = HeatMap {
        rows_are: "country",
        columns_are: "topic",
        rows: vec![foreign.to_owned()],
        columns: vec!["topic 0".into(), "topic 1".into()],
        cells: vec![vec![1, 2]],
    };
    Answers {
        posts: 9,
        with_topic: 7,
        topics: vec!["topic 0".into(), "topic 1".into()],
        posts_by_topic: vec![3, 4],
        answers: vec![
            Answer { name: "replied_to", question: "Whom?".into(), body: Body::Table(table) },
            Answer {
                name: "countries_by_topic",
                question: "Where?".into(),
                body: Body::HeatMap { heat_map },
            },
        ],
        unanswered: vec![Unanswered { name: "clients", because: "there is no column".into() }],
        shares_per_hour: SharesPerHour {
            hours: vec!["2026-11-22T18".parse().expect("an hour")],
            posts: vec![7],
            shares: vec![vec![0.25, 0.75]],
        },
    }
}

fn page(model: &Model, answers: &Answers, text: &Text) -> String {
    let post = TypicalPost {
        id: "1".into(),
        created_at: String::new(),
        text: format!("a post {}", model.title(0)),
        share: 0.97,
        posts: 3,
        words: 2,
    };
    html(&Report {
        title: "space <tweets>".into(),
        model: Arc::new(model.clone()),
        text: Some(text.clone()),
        answers: Some(answers.clone()),
        hours: answers.shares_per_hour.clone(),
        posts: vec![vec![post]],
        lambda: 60,
        made: Timestamp::UNIX_EPOCH,
    })
}

/// Goes through a page as a parser does, and gives back the names of all tags; every tag that is opened is closed.
fn tags(html: &str) -> Vec<String> {
    const ALONE: [&str; 3] = ["meta", "input", "!DOCTYPE"];
    let mut open: Vec<String> = Vec::new();
    let mut all = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let end = rest.find('>').expect("a tag ends");
        let tag = &rest[..end];
        assert!(!tag.contains('<'), "a tag within a tag: {tag}");
        rest = &rest[end + 1..];
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(|sign| !sign.is_whitespace() && *sign != '/')
            .collect();
        if tag.starts_with('/') {
            assert_eq!(open.pop().as_deref(), Some(name.as_str()), "near {}", &rest[..rest.len().min(80)]);
            continue;
        }
        if !tag.ends_with('/') && !ALONE.contains(&name.as_str()) {
            open.push(name.clone());
        }
        if name == "style" {
            rest = &rest[rest.find("</style>").expect("it ends")..];
        }
        all.push(name);
    }
    assert_eq!(open, Vec::<String>::new());
    all
}

#[test]
fn a_report_holds_everything_in_one_well_formed_page() {
    let (model, answers) = (model(3, ""), answers("nasa"));
    let html = page(&model, &answers, &Text::default());
    let tags = tags(&html);
    let count = |name: &str| tags.iter().filter(|tag| *tag == name).count();
    // The map, the hours, the countries, the likelihood.
    assert_eq!(count("svg"), 4);
    assert_eq!(count("article"), 3);
    assert_eq!((count("script"), count("link"), count("img"), count("iframe")), (0, 0, 0, 0));
    for part in [
        "space &lt;tweets&gt;",
        "Posts from 2026-11-22 18:00 to 2026-11-22 18:59 UTC",
        "λ = 0.6",
        "7 of 9 posts",
        "a post topic 0 <small>97 % and 2 alike</small>",
        "12,345",
        "Not answered: clients, since there is no column.",
        "retweets were dropped",
        "<th>Seed</th><td>88</td>",
        "id=\"l60\" checked",
    ] {
        assert!(html.contains(part), "{part} is missing");
    }
    // Its own parts alone are named, and the namespace of SVG, which is fetched by nobody.
    let addresses = html.replace("http://www.w3.org/2000/svg", "");
    assert!(!addresses.contains("http:") && !addresses.contains("https:") && !html.contains("url("));
}

#[test]
fn foreign_text_is_text_wherever_it_stands() {
    let hostile = "<script>alert(1)</script>\u{202e}\u{1b}\"'";
    let mut model = model(2, "<img/src=x>");
    model.names[0] = hostile.to_owned();
    let mut text = Text {
        steps: TextSteps { languages: vec![hostile.to_owned()], ..TextSteps::default() },
        ..Text::default()
    };
    text.counts.posts = 7;
    let html = page(&model, &answers(hostile), &text);
    let tags = tags(&html);
    assert!(!tags.iter().any(|tag| tag == "script" || tag.starts_with("img")), "{tags:?}");
    assert!(html.contains("&lt;script&gt;") && html.contains("&lt;img/src=x&gt;"));
    assert!(!html.contains('\u{1b}') && !html.contains('\u{202e}'));
}

#[test]
fn a_model_of_tokens_alone_has_its_report_too() {
    let html = html(&Report {
        title: "tokens".into(),
        model: Arc::new(model(9, "")),
        text: None,
        answers: None,
        hours: SharesPerHour::default(),
        posts: Vec::new(),
        lambda: 45,
        made: Timestamp::UNIX_EPOCH,
    });
    assert_eq!(tags(&html).iter().filter(|tag| *tag == "svg").count(), 2);
    assert!(
        html.contains("λ = 0.45")
            && html.contains("id=\"l45\" checked")
            && !html.contains("id=\"questions\"")
    );
}

#[test]
fn a_question_that_no_post_answers_says_so_and_draws_nothing() {
    let mut nothing = answers("nasa");
    for answer in &mut nothing.answers {
        match &mut answer.body {
            Body::Table(table) => table.rows.clear(),
            Body::HeatMap { heat_map } => heat_map.cells.iter_mut().flatten().for_each(|count| *count = 0),
        }
    }
    let html = page(&model(2, ""), &nothing, &Text::default());
    assert_eq!(html.matches("none of these posts has what it asks for").count(), 2);
    // The map, the hours, the likelihood.
    assert_eq!(tags(&html).iter().filter(|tag| *tag == "svg").count(), 3);
}

#[test]
fn a_topic_is_told_by_its_name_or_by_its_leading_words() {
    let mut model = model(3, "");
    model.names[1] = "rockets".to_owned();
    let titles = titles(&model);
    assert_eq!(titles[1], "rockets");
    for topic in [0, 2] {
        let words: Vec<&str> = titles[topic].split(' ').collect();
        assert_eq!(words.len(), LEADING);
        assert!(words.iter().all(|word| model.terms.iter().any(|term| term == word)), "{words:?}");
    }
    let mut answers = answers("nasa");
    let html = page(&model, &answers, &Text::default());
    assert!(html.contains(&format!("<h3>{}</h3>", titles[0])) && html.contains("<h3>rockets</h3>"));
    for answer in &mut answers.answers {
        if let Body::HeatMap { heat_map } = &mut answer.body {
            heat_map.columns = vec!["topic 0".into(), "rockets".into(), "topic 2".into()];
            heat_map.cells = vec![vec![1, 2, 3]];
        }
    }
    assert!(page(&model, &answers, &Text::default()).contains("1 rockets"));
}

#[test]
fn on_paper_the_choice_of_ranking_is_what_was_chosen() {
    let print = STYLE.split("@media print").nth(1).expect("there are rules for paper");
    assert!(print.contains("label.lambda.choose { display: none; }") && print.contains("--ink: #000"));
    assert!(print.contains("input.lambda:checked + label.lambda.choose { display: inline-block;"));
}
