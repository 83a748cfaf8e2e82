//! The settings that the streamer on the host runs with: those that were given here, without what is about this
//! machine and without secrets. The word lists that they name go along, and lie beside them there.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::short;
use crate::host::task::{Checked, Task};
use crate::host::upload::{self, Upload, checksum};
use crate::host::{Host, HostError};
use crate::settings::{Dollars, KEYS, Origin, Row, Setting, SettingValue, Settings, SettingsError};

/// The settings of a host, as files of hydrant's folder there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSettings {
    /// The content of its hydrant.toml.
    pub toml: String,
    /// What that names: the name in the folder, and the content.
    pub files: Vec<(String, Vec<u8>)>,
}

pub(super) struct TheSettings {
    pub(super) folder: String,
    pub(super) wanted: HostSettings,
}

/// What is about this machine or the way to the host, or is no secret by its type but is of no use without one:
/// credentials go their own way, and the host has a role of its own at AWS.
const NOT_THERE: [&str; 9] = [
    "theme",
    "ascii",
    "profile",
    "aws_access_key_id",
    "ssh_from",
    "ssh_from_service",
    "region",
    "models",
    "notebook_script",
];

/// The settings that bound what a stream costs.
const OF_MONEY: [&str; 4] = ["max_posts", "max_spend", "daily_budget", "x_post_price"];

impl HostSettings {
    /// Those that were given here. The region is the one that was found, whoever said it. The service runs in
    /// hydrant's folder, so the files beside its settings are found by their names.
    pub fn of(settings: &Settings, region: &str) -> Result<Self, SettingsError> {
        let mut files = Vec::new();
        for (key, path) in named(settings) {
            if let Some(content) = content(key, path)? {
                files.push((name(key), content));
            }
        }
        let mut toml =
            String::from("# Written by `hydrant host provision`: what is changed here is changed back.\n");
        writeln!(toml, "region = {region:?}").expect("a String takes every text");
        for (key, value) in given(settings) {
            let value = toml::Value::String(value);
            writeln!(toml, "{key} = {value}").expect("a String takes every text");
        }
        Ok(Self { toml, files })
    }
}

/// The word lists that settings name.
fn named(settings: &Settings) -> [(&'static str, &Setting<Option<String>>); 3] {
    [
        ("unwanted_words", &settings.unwanted_words),
        ("terms_file", &settings.terms_file),
        ("stream_unwanted_words", &settings.stream_unwanted_words),
    ]
}

/// What was given here and goes along, as it is written there.
fn given(settings: &Settings) -> Vec<(&'static str, String)> {
    let default = Origin::Default.to_string();
    let is_file = |row: &Row| named(settings).iter().any(|(key, _)| *key == row.key);
    let rows = settings.rows().into_iter().filter(|row| goes_along(row) && row.origin != default);
    rows.filter_map(|row| Some((row.key, if is_file(&row) { name(row.key) } else { row.value? }))).collect()
}

fn goes_along(row: &Row) -> bool {
    !row.is_secret && !NOT_THERE.contains(&row.key) && !row.key.starts_with("host_")
}

/// Refuses a start on the host for which a file of this machine was named: nothing but provisioning brings it there.
pub fn must_name_no_file(settings: &Settings) -> Result<(), SettingsError> {
    match named(settings).into_iter().find(|(_, path)| path.origin == Origin::Flag && path.is_some()) {
        None => Ok(()),
        Some((key, path)) => {
            let why = "names a file of this machine: `hydrant host provision` brings it there".to_owned();
            Err(SettingsError::BadValue { key, origin: path.origin.clone(), why })
        }
    }
}

/// What was said for this run and a host takes, as arguments of its own. Files of this machine are not handed on.
pub fn handed_on(settings: &Settings) -> Vec<String> {
    let (flag, files) = (Origin::Flag.to_string(), named(settings).map(|(key, _)| key));
    let is_said = |row: &Row| row.origin == flag && goes_along(row) && !files.contains(&row.key);
    let said = settings.rows().into_iter().filter(is_said);
    // No value is one too: it undoes what the host was provisioned with.
    let pair = |row: Row| format!("{}={}", row.key, row.value.unwrap_or_default());
    said.flat_map(|row| ["--set".to_owned(), pair(row)]).collect()
}

/// A setting that says one thing here and another on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its key.
    pub key: &'static str,
    there: Option<String>,
    here: Option<String>,
}

impl Difference {
    /// Whether it is about what a stream may cost.
    pub fn is_of_money(&self) -> bool {
        OF_MONEY.contains(&self.key)
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
        write!(f, "`{}` is {} there and {} here", self.key, value(&self.there), value(&self.here))
    }
}

/// What a host's hydrant.toml says otherwise than it would if it were provisioned now, but for the keys that the start
/// itself says by `arguments`. The content of word lists is not looked at.
pub fn differences(settings: &Settings, there: &str, arguments: &[String]) -> Vec<Difference> {
    let there: toml::Table = there.parse().unwrap_or_default();
    let here = given(settings);
    let is_said = |key: &str| {
        arguments.iter().any(|argument| argument.split_once('=').is_some_and(|(said, _)| said == key))
    };
    let mut differences = Vec::new();
    for row in settings.rows().iter().filter(|row| goes_along(row) && !is_said(row.key)) {
        let default = KEYS.iter().find(|key| key.name == row.key).and_then(|key| key.default);
        let or_default = |value: Option<&str>| value.or(default).map(str::to_owned);
        // Whoever wrote the file by hand may have written a number.
        let there = there.get(row.key).map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
        let there = or_default(there.as_deref());
        let here = here.iter().find(|(key, _)| *key == row.key).map(|(_, value)| value.as_str());
        let here = or_default(here);
        let difference = Difference { key: row.key, there, here };
        let number = |value: &Option<String>| value.as_deref().and_then(|value| Dollars::parse(value).ok());
        let (there, here) = (&difference.there, &difference.here);
        let is_same_number = difference.is_of_money()
            && number(there).is_some_and(|number_there| number(here) == Some(number_there));
        if there != here && !is_same_number {
            differences.push(difference);
        }
    }
    differences
}

/// What the file of a key is called on the host.
fn name(key: &str) -> String {
    format!("{key}.txt")
}

fn content(key: &'static str, path: &Setting<Option<String>>) -> Result<Option<Vec<u8>>, SettingsError> {
    let Some(file) = path.as_deref() else { return Ok(None) };
    let bad = |error| {
        let why = format!("names {file}, which is to go to the host and cannot be read: {error}");
        SettingsError::BadValue { key, origin: path.origin.clone(), why }
    };
    std::fs::read(Path::new(file)).map(Some).map_err(bad)
}

impl TheSettings {
    /// What is to be there: the path and the content. The settings come last, so that they never name what is not there.
    fn all(&self) -> impl Iterator<Item = (String, &[u8])> {
        let files = self.wanted.files.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
        let settings = ("hydrant.toml", self.wanted.toml.as_bytes());
        files.chain([settings]).map(|(name, content)| (format!("{}/{name}", self.folder), content))
    }
}

#[async_trait]
impl Task for TheSettings {
    fn name(&self) -> &'static str {
        "settings"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["system"]
    }

    async fn check(&self, host: &Host) -> Result<Checked, HostError> {
        let (mut good, mut needed) = (Vec::new(), Vec::new());
        for (path, content) in self.all() {
            match upload::checksum_there(host, &path).await? {
                Some(there) if there == checksum(content) => good.push(short(&path)),
                Some(_) => needed.push(format!("replace {}, which differs", short(&path))),
                None => needed.push(format!("write {}", short(&path))),
            }
        }
        Ok(if needed.is_empty() {
            Checked::Good(good.join(", "))
        } else {
            Checked::Needed(needed.join("; "))
        })
    }

    async fn apply(&self, host: &Host) -> Result<String, HostError> {
        for (path, content) in self.all() {
            let upload = Upload {
                what: "writing the settings",
                path: &path,
                mode: "644",
                proof: None,
                limit: Duration::from_mins(1),
            };
            upload::put(host, &upload, Arc::from(content), false, &checksum(content)).await?;
        }
        Ok(self.wanted.toml.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Sources;

    fn given_by<const N: usize>(flags: [(&str, &str); N]) -> Settings {
        let flags = flags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        Settings::load(&Sources { flags, ..Sources::default() }).expect("good settings")
    }

    #[test]
    fn what_was_given_goes_along_and_secrets_do_not() {
        let settings = given_by([
            ("bucket", "my-lake"),
            ("delivery_stream", "mine"),
            ("buffer_mb", "7"),
            ("x_api_key", "hunter2"),
            ("aws_secret_access_key", "hunter3"),
            ("databricks_token", "hunter4"),
            ("host_address", "127.0.0.1:22"),
            ("theme", "light"),
        ]);
        let wanted = HostSettings::of(&settings, "us-east-1").expect("settings");
        let lines: Vec<&str> = wanted.toml.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "region = \"us-east-1\"",
                "bucket = \"my-lake\"",
                "delivery_stream = \"mine\"",
                "buffer_mb = \"7\""
            ]
        );
        assert_eq!(wanted.files, []);
        // It is read back as it was written.
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("hydrant.toml"), &wanted.toml).expect("written");
        let sources = Sources { working_folder: folder.path().to_owned(), ..Sources::default() };
        assert_eq!(Settings::load(&sources).expect("good settings").buffer_mb.get(), 7);
    }

    #[test]
    fn what_the_host_says_otherwise_is_found_unless_the_start_says_it() {
        let then = given_by([("daily_budget", "0.05"), ("sample_percent", "20"), ("theme", "light")]);
        let there = HostSettings::of(&then, "us-east-1").expect("settings").toml;
        let said = |settings: &Settings, arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().copied().map(str::to_owned).collect();
            let mut said: Vec<String> =
                differences(settings, &there, &arguments).iter().map(ToString::to_string).collect();
            said.sort();
            said
        };
        assert_eq!(said(&then, &[]), [""; 0]);
        let now = given_by([("daily_budget", "0.09"), ("host_user", "me"), ("spool_mb", "1024")]);
        let budget = "`daily_budget` is 0.05 there and 0.09 here";
        let sample = "`sample_percent` is 20 there and 100 here";
        assert_eq!(said(&now, &[]), [budget, sample]);
        assert_eq!(said(&now, &["--set", "daily_budget=0.09"]), [sample]);
        let none = given_by([("sample_percent", "20")]);
        assert_eq!(said(&none, &[]), ["`daily_budget` is 0.05 there and not set here"]);
    }

    #[test]
    fn limits_of_money_are_compared_however_they_are_written_and_whether_or_not_there_is_a_file() {
        let limited = given_by([("max_spend", "500"), ("daily_budget", "12.5")]);
        let of_money = |settings: &Settings, there: &str| {
            differences(settings, there, &[]).into_iter().filter(Difference::is_of_money).count()
        };
        for (there, differ) in [
            ("", 2),
            ("no settings", 2),
            ("max_spend = 500\ndaily_budget = 12.50\n", 0),
            ("max_spend = \"500.00\"\ndaily_budget = \"12.50\"\n", 0),
            ("max_spend = 501\ndaily_budget = 12.5\n", 1),
            ("max_spend = true\ndaily_budget = \"\"\n", 2),
        ] {
            assert_eq!(of_money(&limited, there), differ, "{there}");
        }
        assert_eq!(of_money(&given_by([]), ""), 0, "the defaults are the same there");
        assert_eq!(of_money(&given_by([]), "max_spend = 500\n"), 1);
    }

    #[test]
    fn a_start_hands_on_what_was_said_and_the_host_takes() {
        let said = given_by([
            ("daily_budget", "1"),
            ("max_spend", ""),
            ("x_api_key", "hunter2"),
            ("theme", "light"),
            ("host_user", "me"),
            ("terms_file", "mine.txt"),
        ]);
        let mut handed_on = handed_on(&said);
        handed_on.sort();
        assert_eq!(handed_on, ["--set", "--set", "daily_budget=1.00", "max_spend="]);
    }

    #[test]
    fn a_start_for_which_a_file_of_this_machine_was_named_is_refused() {
        for key in ["unwanted_words", "terms_file", "stream_unwanted_words"] {
            let refused = must_name_no_file(&given_by([(key, "spam.txt")])).expect_err("it is not there");
            assert!(
                refused.to_string().contains(&format!("`{key}` names a file of this machine")),
                "{refused}"
            );
        }
        assert!(must_name_no_file(&given_by([("terms_file", ""), ("daily_budget", "1")])).is_ok());
    }

    #[test]
    fn the_word_lists_that_settings_name_go_along_with_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        std::fs::write(path("terms.txt"), "mars rover\n").expect("written");
        std::fs::write(path("spam.txt"), "nft\n").expect("written");
        let (terms, spam) = (path("terms.txt"), path("spam.txt"));
        let settings = given_by([("terms_file", &*terms), ("stream_unwanted_words", &*spam)]);
        let wanted = HostSettings::of(&settings, "us-east-1").expect("settings");
        let file = |name: &str, content: &str| (name.to_owned(), content.as_bytes().to_owned());
        assert_eq!(
            wanted.files,
            [file("terms_file.txt", "mars rover\n"), file("stream_unwanted_words.txt", "nft\n")]
        );
        assert!(wanted.toml.contains("terms_file = \"terms_file.txt\"\n"), "{}", wanted.toml);
        assert!(!wanted.toml.contains("spam.txt"), "{}", wanted.toml);

        let missing = HostSettings::of(&given_by([("terms_file", "nowhere.txt")]), "us-east-1");
        let said = missing.expect_err("it is not there").to_string();
        assert!(said.contains("`terms_file` names nowhere.txt") && said.contains("cannot be read"), "{said}");
    }
}
