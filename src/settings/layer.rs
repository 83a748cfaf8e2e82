//! The layers that settings are read from, and which of them wins.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::{KEYS, Key, Setting, SettingValue, SettingsError};

/// Where a value came from. Ordered from the weakest layer to the strongest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// `hydrant.toml`.
    File {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// The `.env` that was found upwards.
    DotEnv {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The variable's name there.
        variable: String,
    },
    /// The process environment.
    Environment {
        /// The variable's name.
        variable: String,
    },
    /// The command line.
    Flag,
}

impl Origin {
    fn layer(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File { .. } => 1,
            Self::DotEnv { .. } => 2,
            Self::Environment { .. } => 3,
            Self::Flag => 4,
        }
    }

    /// Whether it is of the same layer as the other.
    pub fn is_of_layer(&self, other: &Self) -> bool {
        self.layer() == other.layer()
    }

    /// Whether it is of a layer above the other's.
    pub fn is_stronger_than(&self, other: &Self) -> bool {
        self.layer() > other.layer()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::DotEnv { path, line, variable } => write!(f, "{}:{line} ({variable})", path.display()),
            Self::Environment { variable } => write!(f, "environment ({variable})"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// Everything that settings are read from, so that a test can say what the world is.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Keys and values of the command line, strongest last.
    pub flags: Vec<(String, String)>,
    /// The process environment.
    pub environment: Vec<(String, String)>,
    /// Where `.env` and `hydrant.toml` are looked for, upwards.
    pub working_folder: PathBuf,
    /// Where `hydrant.toml` is looked for when there is none upwards.
    pub config_folder: PathBuf,
    /// The file of `--config`; it must exist.
    pub config_file: Option<PathBuf>,
}

/// An action of the console as `hydrant.toml` names it under `[keys]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundAction {
    /// Its name, as written.
    pub name: String,
    /// Where it was written.
    pub origin: Origin,
}

/// What each layer says about each key, as written.
#[derive(Debug, Default)]
pub struct Layers {
    said: BTreeMap<&'static str, Vec<(Origin, String)>>,
    keys: Vec<(BoundAction, Vec<String>)>,
    /// The `hydrant.toml` that was read, if any.
    pub file: Option<PathBuf>,
    /// The `.env` that was read, if any.
    pub dotenv: Option<PathBuf>,
}

impl Layers {
    /// Reads every layer. Only keys are checked here; values are when they are picked.
    pub fn read(sources: &Sources) -> Result<Self, SettingsError> {
        let mut layers = Self::default();
        for (key, value) in &sources.flags {
            layers.say(known(key, &Origin::Flag)?, Origin::Flag, value.clone());
        }
        layers.read_environment(&sources.environment)?;
        if let Some(path) = upwards(&sources.working_folder, ".env") {
            layers.read_dotenv(&path)?;
            layers.dotenv = Some(path);
        }
        let file =
            sources.config_file.clone().or_else(|| upwards(&sources.working_folder, "hydrant.toml")).or_else(
                || {
                    let path = sources.config_folder.join("hydrant.toml");
                    path.is_file().then_some(path)
                },
            );
        if let Some(path) = file {
            layers.read_file(&path)?;
            layers.file = Some(path);
        }
        Ok(layers)
    }

    /// The keys that `[keys]` of `hydrant.toml` binds, as written.
    pub fn keys(&self) -> &[(BoundAction, Vec<String>)] {
        &self.keys
    }

    /// The value of the strongest layer that has the key.
    pub(super) fn pick<T: SettingValue>(
        &self,
        default: Option<&str>,
        key: &'static str,
    ) -> Result<Setting<T>, SettingsError> {
        let strongest =
            self.said.get(key).and_then(|said| said.iter().max_by_key(|(origin, _)| origin.layer()));
        let bad = |origin: Origin, why| SettingsError::BadValue { key, origin, why };
        if let Some((origin, written)) = strongest {
            let value = T::parse(written).map_err(|why| bad(origin.clone(), why))?;
            return Ok(Setting { value, origin: origin.clone() });
        }
        let value = match default {
            Some(written) => T::parse(written).map_err(|why| bad(Origin::Default, why))?,
            None => T::absent().ok_or_else(|| bad(Origin::Default, "must be given".to_owned()))?,
        };
        Ok(Setting { value, origin: Origin::Default })
    }

    fn say(&mut self, key: &'static str, origin: Origin, value: String) {
        self.said.entry(key).or_default().push((origin, value));
    }

    fn read_environment(&mut self, environment: &[(String, String)]) -> Result<(), SettingsError> {
        let value_of =
            |name: &str| environment.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        for key in KEYS {
            if let Some((variable, value)) =
                names(key).find_map(|name| value_of(&name).map(|value| (name, value)))
            {
                self.say(key.name, Origin::Environment { variable }, value);
            }
        }
        for (name, value) in environment {
            if name.starts_with("AWS_ENDPOINT_URL_") && !value.is_empty() {
                return Err(SettingsError::ServiceEndpoint(name.clone()));
            }
            check_own_variable(name, || Origin::Environment { variable: name.clone() })?;
        }
        Ok(())
    }

    fn read_dotenv(&mut self, path: &Path) -> Result<(), SettingsError> {
        let text = read(path)?;
        let lines = variables(&text).map_err(|line| SettingsError::BadFile {
            path: path.display().to_string(),
            line,
            why: "expected NAME=value".to_owned(),
        })?;
        let origin = |variable: &str, line| Origin::DotEnv {
            path: path.to_owned(),
            line,
            variable: variable.to_owned(),
        };
        for key in KEYS {
            let found = names(key).find_map(|name| lines.iter().find(|(n, _, _)| *n == name));
            if let Some((name, value, line)) = found {
                self.say(key.name, origin(name, *line), value.clone());
            }
        }
        lines.iter().try_for_each(|(name, _, line)| check_own_variable(name, || origin(name, *line)))
    }

    fn read_file(&mut self, path: &Path) -> Result<(), SettingsError> {
        let text = read(path)?;
        let line_of = |offset: usize| text.get(..offset).map_or(1, |before| before.matches('\n').count() + 1);
        let table = toml::de::DeTable::parse(&text).map_err(|error| SettingsError::BadFile {
            path: path.display().to_string(),
            line: error.span().map_or(1, |span| line_of(span.start)),
            why: error.message().to_owned(),
        })?;
        for (key, value) in table.get_ref() {
            let at = |span: std::ops::Range<usize>| Origin::File {
                path: path.to_owned(),
                line: line_of(span.start),
            };
            let origin = at(key.span());
            if let ("keys", toml::de::DeValue::Table(bound)) = (key.get_ref().as_ref(), value.get_ref()) {
                for (action, keys) in bound {
                    let bound = BoundAction { name: action.get_ref().to_string(), origin: at(action.span()) };
                    let keys = written_keys(keys.get_ref()).ok_or_else(|| SettingsError::BadFile {
                        path: path.display().to_string(),
                        line: line_of(action.span().start),
                        why: "keys are text, or a list of texts".to_owned(),
                    })?;
                    self.keys.push((bound, keys));
                }
                continue;
            }
            let key = known(key.get_ref(), &origin)?;
            let written = match value.get_ref() {
                toml::de::DeValue::String(text) => text.to_string(),
                toml::de::DeValue::Integer(number) => number.to_string(),
                // As it was written: an amount of money is exact.
                toml::de::DeValue::Float(number) => number.as_str().to_owned(),
                toml::de::DeValue::Boolean(truth) => truth.to_string(),
                _ => {
                    let why = "must be text, a number or true/false".to_owned();
                    return Err(SettingsError::BadValue { key, origin, why });
                }
            };
            self.say(key, origin, written);
        }
        Ok(())
    }
}

/// The variables of a `.env`, each with the line that it begins in; the line of the first that is hydrant's and cannot be
/// read. What is others' and cannot be read is theirs. A value in quotes may be over several lines, and `${NAME}` stands for
/// the value of an earlier line.
fn variables(text: &str) -> Result<Vec<(String, String, usize)>, usize> {
    // One variable and no more; an end of line behind it, without which blanks there are taken for a fault.
    let parse = |text: &str| {
        let text = format!("{text}\n");
        let mut pairs = dotenvy::from_read_iter(text.as_bytes());
        let first = pairs.next();
        if pairs.next().is_none() { first } else { None }
    };
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
    // What can be read is read once more as a whole, so that each knows those before it.
    let (mut whole, mut begins, mut next) = (String::new(), Vec::new(), 0);
    while let Some((line, rest)) = lines.get(next..).and_then(<[&str]>::split_first) {
        let several =
            lines_of_quoted(line, rest).map(|more| (more + 1, lines[next..=next + more].join("\n")));
        let (count, statement) = several
            .filter(|(count, several)| {
                // A quote that was left open must not swallow what is hydrant's.
                let swallows = |line: &&str| line.contains('=') && names_own(line);
                !rest[..count - 1].iter().any(swallows) && matches!(parse(several), Some(Ok(_)))
            })
            .unwrap_or_else(|| (1, (*line).to_owned()));
        match parse(&statement) {
            None => {}
            Some(Ok(_)) => {
                whole.push_str(&statement);
                whole.push('\n');
                begins.push(next + 1);
            }
            Some(Err(_)) if names_own(line) => return Err(next + 1),
            Some(Err(_)) => tracing::debug!(line = next + 1, "not read: it is none of hydrant's"),
        }
        next += count;
    }
    let read = dotenvy::from_read_iter(whole.as_bytes()).zip(begins);
    read.map(|(pair, line)| pair.map(|(name, value)| (name, value, line)).map_err(|_| line)).collect()
}

/// How many lines after this one the quotes that its value begins with are over, if they are not closed in it.
fn lines_of_quoted(line: &str, rest: &[&str]) -> Option<usize> {
    if line.trim_start().starts_with('#') {
        return None;
    }
    let value = line.split_once('=')?.1.trim_start();
    let quote = value.chars().next().filter(|c| ['"', '\''].contains(c))?;
    let closes = |text: &str| {
        let mut escaped = false;
        text.chars().any(|c| {
            let closes = c == quote && !escaped;
            escaped = c == '\\' && quote == '"' && !escaped;
            closes
        })
    };
    if closes(&value[1..]) { None } else { rest.iter().position(|line| closes(line)).map(|more| more + 1) }
}

/// Whether a line of a `.env` is meant for hydrant, however it is written: by any word where the name belongs.
fn names_own(line: &str) -> bool {
    let before = line.split('=').next().unwrap_or_default();
    before.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(is_own)
}

fn is_own(name: &str) -> bool {
    name.starts_with("HYDRANT") || KEYS.iter().any(|key| key.variables.contains(&name))
}

/// `"q"` or `["q", "ctrl-q"]`.
fn written_keys(value: &toml::de::DeValue<'_>) -> Option<Vec<String>> {
    match value {
        toml::de::DeValue::String(key) => Some(vec![key.to_string()]),
        toml::de::DeValue::Array(keys) => keys
            .iter()
            .map(|key| match key.get_ref() {
                toml::de::DeValue::String(key) => Some(key.to_string()),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// The variables that set a key, strongest first.
fn names(key: &Key) -> impl Iterator<Item = String> {
    std::iter::once(key.variable()).chain(key.variables.iter().map(|name| (*name).to_owned()))
}

/// Variables that are not ours are nobody's business here; a `HYDRANT_` one must be known.
fn check_own_variable(name: &str, origin: impl Fn() -> Origin) -> Result<(), SettingsError> {
    match name.strip_prefix("HYDRANT_") {
        Some(key) => known(&key.to_ascii_lowercase(), &origin()).map(drop),
        None => Ok(()),
    }
}

fn known(key: &str, origin: &Origin) -> Result<&'static str, SettingsError> {
    if let Some(found) = KEYS.iter().find(|known| known.name == key) {
        return Ok(found.name);
    }
    let nearest = KEYS
        .iter()
        .map(|known| (strsim::damerau_levenshtein(known.name, key), known.name))
        .filter(|(distance, name)| *distance <= name.len() / 3 + 1)
        .min()
        .map(|(_, name)| name);
    Err(SettingsError::UnknownKey { key: key.to_owned(), origin: origin.clone(), nearest })
}

fn upwards(from: &Path, name: &str) -> Option<PathBuf> {
    from.ancestors().map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn read(path: &Path) -> Result<String, SettingsError> {
    std::fs::read_to_string(path)
        .map_err(|source| SettingsError::Unreadable { path: path.display().to_string(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String, usize)>, usize> {
        variables(text)
    }

    fn one(name: &str, value: &str, line: usize) -> (String, String, usize) {
        (name.to_owned(), value.to_owned(), line)
    }

    #[test]
    fn a_dotenv_is_read_as_one_whole() {
        let text = "\u{feff}# of others\nLAKE_OF_TESTS=lake  \n\nHYDRANT_BUCKET=${LAKE_OF_TESTS}-1\nKEY=\"-----BEGIN\nab=c\n-----END\"\nexport AWS_REGION='eu-west-1'\n";
        let expected = [
            one("LAKE_OF_TESTS", "lake", 2),
            one("HYDRANT_BUCKET", "lake-1", 4),
            one("KEY", "-----BEGIN\nab=c\n-----END", 5),
            one("AWS_REGION", "eu-west-1", 8),
        ];
        assert_eq!(read(text).expect("variables"), expected);
    }

    #[test]
    fn what_is_others_and_cannot_be_read_stops_nothing_and_hides_nothing() {
        for odd in ["BARE", "MESSAGE=it's", "OPEN=\"abc", "two words=x", "export NOWHERE_TO_BE_FOUND"] {
            let text = format!("{odd}\nAWS_REGION=\"eu-west-1\"\nHYDRANT_BUFFER_MB=7\n");
            let expected = [one("AWS_REGION", "eu-west-1", 2), one("HYDRANT_BUFFER_MB", "7", 3)];
            assert_eq!(read(&text).expect("variables"), expected, "{odd}");
        }
    }

    #[test]
    fn what_is_hydrants_and_cannot_be_read_is_named_by_its_line() {
        for odd in [
            "AWS_REGION",
            "AWS_REGION: x",
            "HYDRANT_BUCKET=\"abc",
            "export TWITTER_API_KEY",
            "set HYDRANT_DAILY_BUDGET=5",
            "declare -x HYDRANT_DAILY_BUDGET=5",
            "export  HYDRANT_DAILY_BUDGET 5",
            "\"HYDRANT_MAX_SPEND\"=5",
            "HYDRANT MAX_SPEND=5",
        ] {
            assert_eq!(read(&format!("A=1\n{odd}\nB=2\n")), Err(2), "{odd}");
        }
    }

    #[test]
    fn what_is_hydrants_is_not_swallowed_by_a_quote_of_others() {
        let swallowing = "OPEN=\"abc\nHYDRANT_DAILY_BUDGET=5\nOTHER=\"\n";
        assert_eq!(read(swallowing).expect("variables"), [one("HYDRANT_DAILY_BUDGET", "5", 2)]);
        let closing = "OPEN=\"abc\nHYDRANT_BUCKET=\"x\"\n";
        assert_eq!(read(closing).expect("variables"), [one("HYDRANT_BUCKET", "x", 2)]);
        let commented = "# OLD=\"abc\nOTHER=\"x\"\n";
        assert_eq!(read(commented).expect("variables"), [one("OTHER", "x", 2)]);
    }

    #[test]
    fn a_number_with_places_is_taken_as_it_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("hydrant.toml");
        std::fs::write(&path, "daily_budget = 12.50\nx_post_price = 0.005\n").expect("written");
        let mut layers = Layers::default();
        layers.read_file(&path).expect("settings");
        let settings = crate::settings::Settings::from_layers(&layers).expect("settings");
        assert_eq!(settings.daily_budget.map(|dollars| dollars.to_string()), Some("12.50".to_owned()));
        assert_eq!(settings.x_post_price.to_string(), "0.005");
    }
}
