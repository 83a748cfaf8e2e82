//! A run put together from the settings.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::cli::{CliError, Context};
use crate::cloud::{Identity, Operation};
use crate::settings::{Dollars, Folders, Origin, RecordFormat, Region};
use crate::stack::Names;
use crate::stack::graph::Kind;
use crate::stream::StreamError;
use crate::stream::cloud_log::CloudLog;
use crate::stream::dedup::Window;
use crate::stream::deletes::Deletes;
use crate::stream::filter::{Filter, Wanted};
use crate::stream::intake::Intake;
use crate::stream::live::Live;
use crate::stream::money::{Book, Limits};
use crate::stream::pipeline::Plan;
use crate::stream::quarantine::Quarantine;
use crate::stream::record::Format;
use crate::stream::rules::{self, Also};
use crate::stream::service::Place;
use crate::stream::sink::SinkKind;
use crate::stream::sink::csv::{CsvFile, name_of};
use crate::stream::sink::firehose::{Firehose, Packing};
use crate::stream::source::jetstream::{Jetstream, Version};
use crate::stream::source::replay::Speed;
use crate::stream::source::x::FilteredStream;
use crate::stream::source::x::api::Api;
use crate::stream::source::{Source, SourceKind};
use crate::stream::spool::Spool;
use crate::stream::words::{Unwanted, word_list};

/// Whether the delivery stream is there is waited for so long; a service does not answer meanwhile.
const DESCRIBES: Duration = Duration::from_secs(4);

/// Where this stack's stream keeps what must not be lost.
pub(super) fn folder(context: &Context) -> PathBuf {
    Place::spools(&context.folders, context.settings.stack.as_str())
}

/// The source that the settings name.
fn source_kind(context: &Context) -> Result<SourceKind, CliError> {
    let mut files = Vec::new();
    let mut kind = None;
    for written in context.settings.source.split(',').map(str::trim).filter(|written| !written.is_empty()) {
        match written.parse::<SourceKind>() {
            Ok(SourceKind::Replay(more)) => files.extend(more),
            Ok(other) => kind = Some(other),
            // A comma in a name is not a second source.
            Err(_) if !files.is_empty() => {
                let last: &mut PathBuf = files.last_mut().expect("it is not empty");
                *last = PathBuf::from(format!("{},{written}", last.display()));
            }
            Err(why) => return Err(CliError::Usage(why)),
        }
    }
    match (kind, files.is_empty()) {
        (None, false) => Ok(SourceKind::Replay(files)),
        (Some(kind), true) => Ok(kind),
        (None, true) => {
            Err(CliError::Usage("no source is given: there are x, jetstream and replay:FILE".to_owned()))
        }
        (Some(_), false) => {
            Err(CliError::Usage("a stream has one source: give files to replay, or one other".to_owned()))
        }
    }
}

/// The sinks that the settings name, each once.
fn sinks(context: &Context) -> Result<Vec<SinkKind>, CliError> {
    let mut sinks: Vec<SinkKind> = Vec::new();
    for written in &context.settings.to.0 {
        let sink = written.parse().map_err(CliError::Usage)?;
        if !sinks.contains(&sink) {
            sinks.push(sink);
        }
    }
    if sinks.is_empty() {
        return Err(CliError::Usage("no sink is given: there are firehose, csv:FILE and none".to_owned()));
    }
    Ok(sinks)
}

/// What a run will tell of itself. Finds what is wrong with source and sinks.
pub(super) fn live(context: &Context) -> Result<Live, CliError> {
    let sinks = sinks(context)?.iter().map(ToString::to_string).collect();
    let source = source_kind(context)?;
    if let SourceKind::Replay(files) = &source {
        speed(context)?;
        for file in files.iter().filter(|file| *file != Path::new("-")) {
            // Not opened: a pipe would have to be waited for.
            let what = || format!("read {}", file.display());
            std::fs::metadata(file).map_err(|source| CliError::Io { what: what(), source })?;
        }
    }
    let live = Live::new(source.to_string(), sinks);
    let terms = Wish::of(context)?.terms;
    let connecting = stop_words::lookup("en");
    let mut words: Vec<String> = terms
        .iter()
        .flat_map(|term| term.split_whitespace())
        .map(|word| word.trim_matches('"').to_lowercase())
        // Of "national aeronautics and space administration", "and" is nothing to point at.
        .filter(|word| !connecting.is_some_and(|words| words.contains(&word.as_str())))
        .collect();
    words.sort_unstable();
    words.dedup();
    live.change(|status| status.terms = words);
    Ok(live)
}

/// How fast a replay plays.
fn speed(context: &Context) -> Result<Speed, CliError> {
    context.settings.speed.parse().map_err(CliError::Usage)
}

/// What is wanted of the posts of a source.
pub(super) struct Wish {
    pub(super) terms: Vec<String>,
    pub(super) languages: Vec<String>,
}

impl Wish {
    pub(super) fn of(context: &Context) -> Result<Self, CliError> {
        let settings = &context.settings;
        let terms = match settings.terms_file.as_ref() {
            Some(file) => word_list(&read(Path::new(file), "terms_file")?),
            None => rules::example(),
        };
        Ok(Self { terms, languages: settings.languages.0.clone() })
    }
}

fn read(file: &Path, key: &str) -> Result<String, CliError> {
    let what = format!("read {}, which `{key}` names", file.display());
    std::fs::read_to_string(file).map_err(|source| CliError::Io { what, source })
}

/// The filter. X has looked at terms and languages itself; of what somebody has kept, only what was asked for by name is
/// filtered by them.
fn filter(context: &Context, source: &SourceKind) -> Result<Filter, CliError> {
    let settings = &context.settings;
    let wish = Wish::of(context)?;
    let said = |origin: &Origin| *origin != Origin::Default;
    let (by_terms, by_language) = match source {
        SourceKind::X => (false, false),
        SourceKind::Jetstream => (true, true),
        SourceKind::Replay(_) => (settings.terms_file.is_some(), said(&settings.languages.origin)),
    };
    let unwanted = match settings.stream_unwanted_words.as_ref() {
        Some(file) => {
            let text = read(Path::new(file), "stream_unwanted_words")?;
            Unwanted::read(&text, *settings.unwanted_match).map_err(StreamError::from)?
        }
        None => Unwanted::nothing(),
    };
    let wanted = Wanted {
        terms: if by_terms { wish.terms } else { Vec::new() },
        languages: if by_language { wish.languages } else { Vec::new() },
        unwanted,
        retweets: *settings.retweets,
        sample_percent: if *source == SourceKind::X { 100 } else { settings.sample_percent.get() },
    };
    Ok(Filter::new(wanted).map_err(StreamError::from)?)
}

/// What X is asked for beside terms.
pub(super) fn also(context: &Context, wish: &Wish) -> Also {
    Also {
        languages: wish.languages.clone(),
        no_retweets: !*context.settings.retweets,
        sample_percent: context.settings.sample_percent.get(),
    }
}

/// X's API, with the app's keys.
pub(super) fn api(context: &Context) -> Result<Api, CliError> {
    let settings = &context.settings;
    let keys = Option::clone(&settings.x_api_key).zip(Option::clone(&settings.x_api_key_secret));
    Ok(Api::new(settings.x_api_url.as_str(), keys).map_err(StreamError::from)?)
}

fn source(
    context: &Context,
    kind: SourceKind,
    mark: Option<String>,
    gaps: Option<PathBuf>,
) -> Result<Source, CliError> {
    let settings = &context.settings;
    Ok(match kind {
        SourceKind::X => {
            let wish = Wish::of(context)?;
            let rules = if *settings.sync_rules {
                Some(rules::pack(&wish.terms, &also(context, &wish)).map_err(StreamError::from)?)
            } else {
                None
            };
            Source::X(Box::new(FilteredStream {
                api: Arc::new(api(context)?),
                rules,
                tag: rules::tag(settings.stack.as_str()),
                stall: Duration::from_secs(u64::from(settings.x_stall_seconds.get())),
                takes_over: *settings.x_take_over,
                haste: 1,
                gaps,
            }))
        }
        SourceKind::Jetstream => Source::Jetstream(Jetstream {
            url: settings.jetstream_url.as_str().to_owned(),
            version: if settings.jetstream_version.get() == 1 { Version::One } else { Version::Two },
            mark,
            compressed: *settings.jetstream_zstd,
            haste: 1,
            gaps,
        }),
        SourceKind::Replay(files) => Source::Replay { files, speed: speed(context)? },
    })
}

fn book(context: &Context, kind: &SourceKind, file: Option<PathBuf>) -> Result<Book, CliError> {
    let settings = &context.settings;
    let price = if *kind == SourceKind::X { *settings.x_post_price } else { Dollars::ZERO };
    let limits = Limits {
        max_posts: settings.max_posts.as_ref().map(|posts| u64::from(posts.get())),
        max_spend: *settings.max_spend,
        daily_budget: *settings.daily_budget,
    };
    let what = "open the book of what posts cost".to_owned();
    Book::open(file, price, limits).map_err(|source| CliError::Io { what, source })
}

fn packing(context: &Context) -> Packing {
    let format = match *context.settings.record_format {
        RecordFormat::Tsv => Format::Tsv,
        RecordFormat::Jsonl => Format::Json,
    };
    let aggregate = usize::try_from(context.settings.aggregate_kb.get()).unwrap_or_default() << 10;
    Packing { aggregate, format }
}

fn csv(context: &Context, path: &Path) -> Result<CsvFile, CliError> {
    let what = format!("open {}", path.display());
    CsvFile::open(path, *context.settings.csv_safe).map_err(|source| CliError::Io { what, source })
}

fn window_length(context: &Context) -> Duration {
    Duration::from_hours(u64::from(context.settings.dedup_hours.get()))
}

/// The folder of what a stack's runs share: made, with what is in it for its owner only.
fn shared_folder(context: &Context) -> Result<PathBuf, CliError> {
    let folder = context.folders.state.join("stream").join(context.settings.stack.as_str());
    let what = format!("make {}", folder.display());
    Folders::make_private(&folder).map_err(|source| CliError::Io { what, source })?;
    Ok(folder)
}

/// A run to a file alone, with nothing kept beside it.
pub(super) fn check(context: &Context, most: Option<u64>) -> Result<Plan, CliError> {
    let kind = source_kind(context)?;
    let folder = shared_folder(context)?;
    let window = Window::in_memory(window_length(context), Timestamp::now());
    let intake = Intake::new(filter(context, &kind)?, window);
    let mut files = Vec::new();
    for sink in sinks(context)? {
        if let SinkKind::Csv(path) = sink {
            files.push(csv(context, &path)?);
        }
    }
    Ok(Plan {
        book: book(context, &kind, Some(folder.join("spent.json")))?,
        source: source(context, kind, None, None)?,
        intake,
        most_kept: most,
        csv: files,
        firehose: None,
        spool: None,
        quarantine: Quarantine::new(folder.join("quarantine.jsonl")),
        deletes: None,
        drain: drain(context),
    })
}

fn drain(context: &Context) -> Duration {
    Duration::from_secs(u64::from(context.settings.drain_seconds.get()))
}

/// The stack's names. Only the bucket's needs to know whose the account is, and it is not asked for here.
pub(super) fn names(context: &Context, region: &Region) -> Names {
    let nobody = Identity { account: String::new(), arn: String::new(), partition: "aws".to_owned() };
    Names::new(&context.settings, &nobody, region)
}

/// A run as the settings say.
pub(super) async fn run(context: &Context) -> Result<Plan, CliError> {
    let sinks = sinks(context)?;
    if sinks == [SinkKind::None] {
        // With nowhere to go there is nothing to keep for it.
        return check(context, None);
    }
    let kind = source_kind(context)?;
    let shared = shared_folder(context)?;
    let settings = &context.settings;
    let mut firehose = None;
    if sinks.contains(&SinkKind::Firehose) {
        let cloud = context.cloud().await?;
        let stream = names(context, cloud.region()).of(Kind::DeliveryStream).to_owned();
        firehose = Some(Firehose::new(cloud, stream, packing(context)));
    }
    let mut files = Vec::new();
    for sink in &sinks {
        if let SinkKind::Csv(path) = sink {
            files.push(csv(context, path)?);
        }
    }
    // What waits is for these sinks, and for no others.
    let spool_folder = folder(context).join(spool_name(&sinks));
    let (spool, found) =
        Spool::open(&spool_folder, u64::from(settings.spool_mb.get()) << 20).map_err(StreamError::from)?;
    if found.torn_bytes > 0 || found.lost > 0 {
        tracing::warn!(
            torn_bytes = found.torn_bytes,
            lost = found.lost,
            "the spool was damaged and is mended"
        );
    }
    let what = format!("read the ids of posts in {}", spool_folder.display());
    let mut window = Window::open(&spool_folder, window_length(context), Timestamp::now())
        .map_err(|source| CliError::Io { what, source })?;
    window.know(found.keys);
    Ok(Plan {
        book: book(context, &kind, Some(shared.join("spent.json")))?,
        intake: Intake::new(filter(context, &kind)?, window),
        source: source(context, kind, found.mark, Some(shared.join("gaps.jsonl")))?,
        most_kept: None,
        csv: files,
        firehose,
        spool: Some(spool),
        quarantine: Quarantine::new(shared.join("quarantine.jsonl")),
        deletes: Some(Deletes::new(folder(context).join("deletes.jsonl"))),
        drain: drain(context),
    })
}

/// Refuses a run whose delivery stream is not there: what it reads may have to be paid for, and could go nowhere. Where
/// nobody may ask or no answer comes, as on a host whose role only puts records, it goes on: what is received is kept.
pub(super) async fn has_its_delivery_stream(context: &Context) -> Result<(), CliError> {
    if !sinks(context)?.contains(&SinkKind::Firehose) {
        return Ok(());
    }
    // Without clients there will be no run, and that says why.
    let Ok(cloud) = context.cloud().await else { return Ok(()) };
    let names = names(context, cloud.region());
    let stream = names.of(Kind::DeliveryStream);
    let request = cloud.firehose.describe_delivery_stream().delivery_stream_name(stream).send();
    let asked = cloud.call(Operation::DescribeDeliveryStream, stream, request);
    let answer = tokio::select! {
        answer = tokio::time::timeout(DESCRIBES, asked) => answer,
        () = context.stop.cancelled() => return Ok(()),
    };
    match answer {
        Ok(Err(error)) if error.is_missing() => Err(CliError::from(StreamError::Refused(format!(
            "there is no delivery stream {stream} in {}: `hydrant up` makes it",
            cloud.region()
        )))),
        _ => Ok(()),
    }
}

fn spool_name(sinks: &[SinkKind]) -> String {
    let mut names: Vec<String> = sinks
        .iter()
        .map(|sink| match sink {
            SinkKind::Firehose => "firehose".to_owned(),
            SinkKind::None => "none".to_owned(),
            SinkKind::Csv(path) => name_of(path),
        })
        .collect();
    names.sort();
    names.join("+")
}

/// The stream's own log in the stack's log group, where its sinks are in the cloud anyway.
pub(super) async fn cloud_log(context: &Context, live: &Live) -> Option<CloudLog> {
    if !sinks(context).ok()?.contains(&SinkKind::Firehose) {
        return None;
    }
    let cloud = context.cloud().await.ok()?;
    let names = names(context, cloud.region());
    let group = names.of(Kind::LogGroup).to_owned();
    let stream = context.settings.streamer_log_stream.to_string();
    Some(CloudLog::begin(cloud, group, stream, live.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_known_by_its_sinks_in_any_order() {
        let one = [SinkKind::Firehose, SinkKind::Csv("/a.csv".into())];
        let other = [SinkKind::Csv("/a.csv".into()), SinkKind::Firehose];
        assert_eq!(spool_name(&one), spool_name(&other));
        assert_ne!(spool_name(&one), spool_name(&[SinkKind::Firehose, SinkKind::Csv("/b.csv".into())]));
    }
}
