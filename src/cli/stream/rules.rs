//! `hydrant stream rules`: what posts X is asked for.

use clap::{Args, Subcommand};
use serde_json::json;

use super::assemble::{Wish, also, api};
use super::place;
use crate::cli::style::answer;
use crate::cli::{CliError, Context, Exit, style};
use crate::stream::StreamError;
use crate::stream::rules::{Difference, compare, essential, pack, tag};
use crate::text::counted;

/// X's rules
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hydrant stream rules sync --dry-run\n  hydrant stream rules list\n  hydrant stream rules clear"
)]
pub(super) struct Rules {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show the rules that X holds, and whose they are
    #[command(after_help = "Example: hydrant stream rules list --json")]
    List,
    /// Bring X's rules in line with the search terms; others' rules stay as they are
    #[command(after_help = "Example: hydrant stream rules sync --dry-run")]
    Sync {
        /// Show what would change, and let X check it; change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Delete hydrant's own rules
    #[command(after_help = "Example: hydrant stream rules clear --dry-run")]
    Clear {
        /// Show what would change; change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

impl Rules {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let asking = async {
            match self.command {
                Verb::List => list(context).await,
                Verb::Sync { dry_run } => sync(context, dry_run).await,
                Verb::Clear { dry_run } => clear(context, dry_run).await,
            }
        };
        // Nothing is lost by ending at any point: X takes a change or does not, and the next sync compares anew.
        context.unless_stopped(asking).await?
    }
}

async fn list(context: &Context) -> Result<Exit, CliError> {
    let own = tag(context.settings.stack.as_str());
    let rules = api(context)?.rules().await.map_err(StreamError::from)?;
    if context.global.json {
        answer!("{}", json!(rules));
        return Ok(Exit::Done);
    }
    for rule in &rules {
        let whose = if rule.tag.as_deref() == Some(own.as_str()) {
            style::good("ours ")
        } else {
            style::faint("other")
        };
        answer!("  {whose} {} {}", style::safe(&rule.id), style::safe(&rule.value));
    }
    if rules.is_empty() {
        answer!("X holds no rules: `hydrant stream rules sync` makes them from the search terms");
    }
    Ok(Exit::Done)
}

async fn sync(context: &Context, dry_run: bool) -> Result<Exit, CliError> {
    let wish = Wish::of(context)?;
    let wanted = pack(&wish.terms, &also(context, &wish)).map_err(StreamError::from)?;
    if !dry_run {
        context.refuse_if_readonly(1)?;
    }
    let own = tag(context.settings.stack.as_str());
    let api = api(context)?;
    let difference = api.sync_rules(&wanted, &own, dry_run).await.map_err(StreamError::from)?;
    let day = cost_of_a_day(context).await;
    tell(context, &difference, dry_run, day, wish.terms.len(), essential(&wish.terms).len());
    Ok(if dry_run && (!difference.add.is_empty() || !difference.delete.is_empty()) {
        Exit::Partly
    } else {
        Exit::Done
    })
}

async fn clear(context: &Context, dry_run: bool) -> Result<Exit, CliError> {
    let own = tag(context.settings.stack.as_str());
    let api = api(context)?;
    let difference = if dry_run {
        compare(&[], &api.rules().await.map_err(StreamError::from)?, &own)
    } else {
        context.refuse_if_readonly(1)?;
        api.sync_rules(&[], &own, false).await.map_err(StreamError::from)?
    };
    tell(context, &difference, dry_run, None, 0, 0);
    Ok(if dry_run && !difference.delete.is_empty() { Exit::Partly } else { Exit::Done })
}

/// What a day will cost in dollars, at the rate that a running stream has now.
async fn cost_of_a_day(context: &Context) -> Option<f64> {
    const SECONDS: f64 = 86_400.0;
    let place = place(context);
    if !place.is_running() {
        return None;
    }
    let status = place.status(0).await.ok()?;
    Some(status.rate * SECONDS * context.settings.x_post_price.as_f64())
}

fn tell(
    context: &Context,
    difference: &Difference,
    dry_run: bool,
    day: Option<f64>,
    terms: usize,
    kept: usize,
) {
    let Difference { add, delete, keep, others } = difference;
    if context.global.json {
        answer!(
            "{}",
            json!({ "dry_run": dry_run, "added": add, "deleted": delete, "kept": keep, "others": others, "dollars_a_day": day })
        );
        return;
    }
    for value in add {
        answer!("  {} {}", style::good("+"), style::safe(value));
    }
    for rule in delete {
        answer!("  {} {}", style::bad("-"), style::safe(&rule.value));
    }
    for rule in keep {
        answer!("  {} {}", style::faint("="), style::safe(&rule.value));
    }
    if terms > kept {
        answer!(
            "of {}, {} covered by shorter ones and left out",
            counted(terms, "term", "terms"),
            counted(terms - kept, "is", "are")
        );
    }
    let would = if dry_run { "would be " } else { "" };
    answer!(
        "{} {would}added, {} {would}deleted, {} kept; {others} of others not touched",
        add.len(),
        delete.len(),
        keep.len()
    );
    if let Some(day) = day {
        answer!("at the present rate, a day costs about ${day:.2}");
    }
}
