//! How the stream is shown in text.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::cli::style;
use crate::stream::live::{State, Status};
use crate::text::{count, counted};

/// The status as others read it.
pub(super) fn json(status: &Status) -> String {
    serde_json::to_string(status).expect("a status is JSON")
}

/// In one line, for a terminal.
pub(super) fn line(status: &Status) -> String {
    let counters = &status.counters;
    format!(
        "{} · {} received · {} delivered · {} pending · {}/s{}",
        status.state.name(),
        count(counters.received),
        count(counters.delivered),
        count(counters.pending),
        status.rate,
        status.held.as_ref().map(|why| format!(" · waits: {}", style::safe(why))).unwrap_or_default(),
    )
}

/// What a run did, in a sentence.
pub(super) fn summary(status: &Status) -> String {
    let counters = &status.counters;
    let mut text = format!(
        "{} received, {} delivered",
        counted(counters.received, "post", "posts"),
        count(counters.delivered)
    );
    let others = [
        (counters.filtered, "filtered"),
        (counters.duplicates, "duplicates"),
        (counters.malformed, "malformed"),
        (counters.pending, "pending: the next start delivers them"),
    ];
    for (number, what) in others.into_iter().filter(|(number, _)| *number > 0) {
        write!(text, ", {} {what}", count(number)).expect("a String takes every text");
    }
    if let Some(spent) = &status.spent {
        write!(text, "; ${:.2} spent", spent.run).expect("a String takes every text");
    }
    if let Some(notice) = &status.notice {
        write!(text, "; {}", style::safe(notice)).expect("a String takes every text");
    }
    text
}

/// The whole status.
pub(super) fn all(status: &Status) -> Vec<String> {
    let counters = &status.counters;
    let sign = match status.state {
        State::Running => style::good("● running"),
        State::Starting | State::Draining => style::warn(format!("◐ {}", status.state.name())),
        State::Stopped => style::faint("○ stopped"),
        State::Failed => style::bad("✗ failed"),
    };
    let way = format!("{} → {}", style::safe(&status.source), style::safe(status.sinks.join(", ")));
    // One that never ran knows of no way.
    let mut lines = vec![if status.source.is_empty() { sign } else { format!("{sign}  {way}") }];
    let mut row = |name: &str, value: String| lines.push(format!("  {name:<12} {value}"));
    if let Some(since) = status.since {
        row("since", since.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    }
    if let Some(connection) = &status.connection {
        row("connection", style::safe(connection));
    }
    let numbers = [
        ("received", counters.received),
        ("filtered", counters.filtered),
        ("duplicates", counters.duplicates),
        ("malformed", counters.malformed),
        ("delivered", counters.delivered),
        ("pending", counters.pending),
        ("retried", counters.retried),
    ];
    for (name, number) in numbers {
        row(name, format!("{:>14}", count(number)));
    }
    row("rate", format!("{}/s", status.rate));
    row("lag", format!("{} s", status.lag_s));
    if let Some(spent) = &status.spent {
        row(
            "spent",
            format!(
                "${:.2} in this run, ${:.2} today, ${:.2} this month ({})",
                spent.run,
                spent.today,
                spent.month,
                counted(spent.month_posts, "post", "posts")
            ),
        );
    }
    if status.gaps.count > 0 {
        row("gaps", format!("{}, {} s together", status.gaps.count, status.gaps.seconds));
    }
    for (name, said) in
        [("waits", &status.held), ("notice", &status.notice), ("last error", &status.last_error)]
    {
        if let Some(said) = said {
            row(name, style::safe(said));
        }
    }
    lines
}

/// A post in a line.
pub(super) fn post(post: &Map<String, Value>) -> String {
    let text = |column: &str| post.get(column).and_then(Value::as_str).map(style::safe).unwrap_or_default();
    let time = text("created_at");
    // `Fri Dec 31 19:00:18 +0000 2021`: the clock is what changes.
    let clock = time.split(' ').nth(3).unwrap_or_default();
    let tags = text("tweet_text_hashtags").replace('|', " ");
    let line = format!(
        "{} {} {} {}",
        style::faint(clock),
        style::strong(text("user_screen_name")),
        text("text"),
        style::warn(tags)
    );
    line.trim_end().to_owned()
}
