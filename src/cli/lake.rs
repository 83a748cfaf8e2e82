//! `hydrant lake`: hours, listings, contents, downloads.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::style::{answer, talk};
use super::{CliError, Context, Exit, style};
use crate::cloud::Cloud;
use crate::lake::encoding::Decoder;
use crate::lake::hours::Span;
use crate::lake::listing::{self, HourRow};
use crate::lake::place::Depth;
use crate::lake::{Address, Lake, LakeError, Layout, Place, download, outputs};
use crate::stack::Names;
use crate::stack::graph::Kind;
use crate::text::counted;

/// Browse the lake: hourly folders and their files
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hydrant lake hours --since 2026-11-22\n  hydrant lake cat datasets/twitter/kinesis-demo/2026/11/22/18/… | head"
)]
pub(super) struct LakeCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Hourly folders with files, bytes, combined or not
    Hours(Hours),
    /// List what lies under a prefix
    Ls(Ls),
    /// Print a file's content, unpacked
    Cat(Cat),
    /// Download a file; goes on where it stopped
    Get(Get),
    /// For programs: reads lines of JSON, and writes for each its rows or why it is none
    #[command(hide = true)]
    Lines,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant lake hours --since 2026-11-22 --json")]
struct Hours {
    /// First hour (2026-11-22T18) or day (2026-11-22)
    #[arg(long, value_name = "HOUR")]
    since: Option<String>,
    /// Last hour or day, included
    #[arg(long, value_name = "HOUR")]
    until: Option<String>,
    /// Another lake: a folder, or `s3://bucket/prefix`
    #[arg(long, value_name = "PLACE")]
    from: Option<String>,
    /// Where its combined hours are, if not beside the hours
    #[arg(long, value_name = "PLACE")]
    to: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant lake ls datasets/twitter/kinesis-demo/2026/11/")]
struct Ls {
    /// What keys begin with, an s3:// address, or a path that begins with `/` or `.`; without it, the top
    #[arg(default_value = "", hide_default_value = true)]
    prefix: String,
    /// All the way down, not to the next slash
    #[arg(short, long)]
    recursive: bool,
    /// Another place: a folder, or `s3://bucket/prefix`
    #[arg(long, value_name = "PLACE")]
    from: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hydrant lake cat s3://bucket/key.gz\n  hydrant lake cat ./local-file.zst"
)]
struct Cat {
    /// A key in the lake's bucket, an s3:// address, or a path that begins with `/` or `.`
    key: String,
    /// Another place: a folder, or `s3://bucket/prefix`
    #[arg(long, value_name = "PLACE")]
    from: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example: hydrant lake get datasets/…/csvs/tweets_58_hc2026112218_s20261122190501.csv --to out.csv"
)]
struct Get {
    /// A key in the lake's bucket, or an s3:// address
    key: String,
    /// The file to write, or the folder, which must be there; the key's last part in this folder if not given
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Another place: a folder, or `s3://bucket/prefix`
    #[arg(long, value_name = "PLACE")]
    from: Option<String>,
}

impl LakeCommand {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        match self.what {
            What::Hours(hours) => hours.run(&context).await,
            What::Ls(ls) => ls.run(&context).await,
            What::Cat(cat) => cat.run(&context).await,
            What::Get(get) => get.run(&context).await,
            What::Lines => {
                let (lines, out) =
                    (std::io::stdin().lock(), std::io::BufWriter::new(std::io::stdout().lock()));
                crate::lake::lines_as_json(lines, out)
                    .map_err(|source| CliError::Io { what: "read lines".to_owned(), source })?;
                Ok(Exit::Done)
            }
        }
    }
}

/// The place at an address that somebody gave; the clients are only made for a bucket.
pub(super) async fn place(context: &Context, written: &str) -> Result<Place, CliError> {
    let address = Address::parse(written)?;
    let cloud = match &address {
        Address::Folder(_) => None,
        Address::Bucket { .. } => Some(context.cloud().await?),
    };
    Ok(Place::at(address, cloud.as_ref())?)
}

/// The lake's own bucket, whole.
pub(super) async fn own_bucket(context: &Context) -> Result<Place, CliError> {
    let cloud = context.cloud().await?;
    let bucket = bucket_name(context, &cloud).await?;
    Ok(Place::at(Address::Bucket { bucket, prefix: String::new() }, Some(&cloud))?)
}

async fn bucket_name(context: &Context, cloud: &Cloud) -> Result<String, CliError> {
    if let Some(name) = context.settings.bucket.as_ref() {
        return Ok(name.to_string());
    }
    // Unset, its name holds the account's number.
    let identity = context.unless_stopped(cloud.identity()).await??;
    Ok(Names::new(&context.settings, &identity, cloud.region()).of(Kind::Bucket).to_owned())
}

/// The lake that is meant: the settings' own, or the one at an address.
pub(super) async fn lake(context: &Context, from: Option<&str>) -> Result<Lake, CliError> {
    let layout = Layout::new(context.settings.prefix.as_str())?;
    match from {
        Some(written) => {
            let place = place(context, written).await?;
            Ok(context.unless_stopped(Lake::find(place, &layout)).await??)
        }
        None => Ok(Lake::new(own_bucket(context).await?, layout)),
    }
}

/// Where a file is that somebody named.
async fn file(context: &Context, key: &str, from: Option<&str>) -> Result<(Place, String), CliError> {
    if let Some(from) = from {
        let place = place(context, from).await?;
        // As listings give it, or relative to the place.
        let within = key.strip_prefix(&place.full_key("")).unwrap_or(key).trim_start_matches('/').to_owned();
        return Ok((place, within));
    }
    if key.starts_with("s3://") || key.starts_with(['/', '.']) {
        let (address, key) = Address::parse_file(key)?;
        return Ok((place(context, &address.to_string()).await?, key));
    }
    Ok((own_bucket(context).await?, key.to_owned()))
}

impl Hours {
    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let span = Span::parse(self.since.as_deref(), self.until.as_deref())?;
        let lake = lake(context, self.from.as_deref()).await?;
        let results = match &self.to {
            Some(written) => place(context, written).await?,
            None => lake.results(),
        };
        let looking = async {
            let (hours, combined) =
                tokio::join!(listing::totals(&lake, span, &context.stop), outputs::find(&results));
            Ok::<_, LakeError>((hours?, combined?))
        };
        let (hours, combined) = context.unless_stopped(looking).await??;
        let rows: Vec<HourRow> = hours
            .values()
            .map(|totals| HourRow::new(&lake, &results, totals, combined.get(&totals.hour)))
            .collect();
        if context.global.json {
            answer!("{}", serde_json::to_string(&rows).expect("plain data is JSON"));
            return Ok(Exit::Done);
        }
        if rows.is_empty() {
            talk!("no hours{} {}", span.words(), place_words(&lake));
        }
        for row in &rows {
            let state = match (&row.combined, row.stale) {
                (None, _) => style::faint("○ not combined"),
                (Some(_), true) => style::warn("◌ stale"),
                (Some(_), false) => style::good("● combined"),
            };
            let posts = row.rows.map(|rows| counted(rows, "post", "posts")).unwrap_or_default();
            let files = counted(row.files, "file", "files");
            answer!("{}  {files:>12}  {:>9}  {posts:>16}  {state}", row.hour, bytes(row.bytes));
        }
        Ok(Exit::Done)
    }
}

fn place_words(lake: &Lake) -> String {
    format!("under {}", style::safe(lake.place.url(lake.layout.root())))
}

/// A size for people.
#[expect(clippy::cast_precision_loss, reason = "it is rounded anyway")]
pub(super) fn bytes(count: u64) -> String {
    crate::text::bytes_and_a_tenth(count as f64)
}

impl Ls {
    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let (place, prefix) = match &self.from {
            Some(written) => (place(context, written).await?, self.prefix.as_str()),
            // As `cat` has it: a whole address, or a path, is a place of its own.
            None if self.prefix.starts_with("s3://") || self.prefix.starts_with(['/', '.']) => {
                (place(context, &self.prefix).await?, "")
            }
            None => (own_bucket(context).await?, self.prefix.as_str()),
        };
        place.must_be_there()?;
        let depth = if self.recursive { Depth::All } else { Depth::Folder };
        let mut pages = place.list(prefix, depth);
        let json = context.global.json;
        let mut count = 0_u64;
        let separate = |count: u64| if count == 0 { "[" } else { "," };
        while let Some(page) = context.unless_stopped(pages.next()).await?? {
            for folder in page.folders {
                if json {
                    let row = serde_json::json!({ "prefix": place.full_key(&folder) });
                    answer!("{}{row}", separate(count));
                } else {
                    answer!("{:>10}  {:<20}  {}", "", "", style::safe(place.full_key(&folder)));
                }
                count += 1;
            }
            for file in page.files {
                let key = place.full_key(&file.key);
                let modified = file.modified.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
                if json {
                    let row = serde_json::json!({ "key": key, "bytes": file.bytes, "etag": file.etag, "modified": modified });
                    answer!("{}{row}", separate(count));
                } else {
                    answer!("{:>10}  {modified:<20}  {}", bytes(file.bytes), style::safe(key));
                }
                count += 1;
            }
        }
        match (json, count) {
            (true, 0) => answer!("[]"),
            (true, _) => answer!("]"),
            (false, 0) => talk!("nothing lies under {}", style::safe(place.url(prefix))),
            (false, _) => {}
        }
        Ok(Exit::Done)
    }
}

impl Cat {
    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        if context.global.json {
            let said = "lake cat prints a file as it is, which --json cannot change: leave it out";
            return Err(CliError::Usage(said.to_owned()));
        }
        let (place, key) = file(context, &self.key, self.from.as_deref()).await?;
        let opened = context.unless_stopped(place.read(&key, 0)).await?;
        let mut body = opened.map_err(|error| download::missing(error, &place, &key))?;
        let mut decoder = Decoder::default();
        let mut lines = std::io::stdout().is_terminal().then(Lines::default);
        let is_shown = lines.is_some();
        let mut write = |piece: &[u8]| match &mut lines {
            Some(lines) => style::answer_piece(lines.shown(piece).as_bytes()),
            None => style::answer_piece(piece),
        };
        let url = place.url(&key);
        let broken = |decoder: &Decoder, fault: std::io::Error| LakeError::Unreadable {
            file: url.clone(),
            kind: decoder.encoding().name(),
            why: fault.to_string(),
        };
        let mut is_first = true;
        loop {
            let Some(piece) = context.unless_stopped(body.next()).await?? else { break };
            if std::mem::replace(&mut is_first, false) && is_shown && piece.starts_with(b"PAR1") {
                let why = "it is Parquet: download it by `hydrant lake get`".to_owned();
                return Err(LakeError::Unreadable { file: url.clone(), kind: "text", why }.into());
            }
            match decoder.feed(&piece, &mut write) {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => return Err(broken(&decoder, fault).into()),
                // The reader has had enough.
                Err(_) => return Ok(Exit::Done),
            }
        }
        if let Ok(Err(fault)) = decoder.finish(&mut write) {
            return Err(broken(&decoder, fault).into());
        }
        if let Some(mut lines) = lines {
            drop(style::answer_piece(lines.end().as_bytes()));
        }
        Ok(Exit::Done)
    }
}

/// So much of a line is shown at once.
const LINE: usize = 1 << 20;

/// A file's content as a terminal may have it, line by line.
#[derive(Debug, Default)]
struct Lines {
    /// A line whose end has not come.
    rest: Vec<u8>,
}

impl Lines {
    /// The lines that are whole now, made safe.
    fn shown(&mut self, piece: &[u8]) -> String {
        self.rest.extend_from_slice(piece);
        let end = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let rest = self.rest.split_off(end);
        let whole = std::mem::replace(&mut self.rest, rest);
        let mut shown = String::new();
        for line in whole.strip_suffix(b"\n").into_iter().flat_map(|lines| lines.split(|byte| *byte == b'\n'))
        {
            shown += &style::safe(String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)));
            shown.push('\n');
        }
        if self.rest.len() > LINE {
            shown += &self.end();
        }
        shown
    }

    /// What is left of a line that does not end.
    fn end(&mut self) -> String {
        style::safe(String::from_utf8_lossy(&std::mem::take(&mut self.rest)))
    }
}

impl Get {
    async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let (place, key) = file(context, &self.key, self.from.as_deref()).await?;
        let to = download::target(self.to.as_deref(), &key);
        let shows = style::is_terminal() && !context.global.json;
        let total = |done: u64, all: u64| {
            if shows {
                style::same_line(&format!("  {} of {}", bytes(done), bytes(all)));
            }
        };
        let done = download::download(&place, &key, &to, total, &context.stop).await;
        if shows {
            style::clear_line();
        }
        let done = done?;
        if context.global.json {
            let row = serde_json::json!({ "key": place.full_key(&key), "file": to, "bytes": done.bytes, "resumed_from": done.resumed_from });
            answer!("{row}");
        } else {
            talk!("{} {} ({})", style::good("●"), style::safe(to.display()), bytes(done.bytes));
        }
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_is_shown_cannot_move_it() {
        let mut lines = Lines::default();
        let mut shown = String::new();
        let content = "one\r\n\n\u{1b}]0;title\u{7}two é\nthe rest \u{1b}[2J";
        // However it comes, within a letter too.
        for piece in content.as_bytes().chunks(1) {
            shown += &lines.shown(piece);
        }
        shown += &lines.end();
        assert_eq!(shown, "one\n\n␛]0;title␇two é\nthe rest ␛[2J");
        let long = lines.shown(&vec![b'x'; LINE + 1]);
        assert_eq!((long.len(), lines.end()), (LINE + 1, String::new()), "no line is held for ever");
    }
}
