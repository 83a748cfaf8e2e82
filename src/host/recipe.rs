//! The recipe: what makes a host ready for the streamer.
//!
//! ```text
//! system       the host can run it: architecture, room, clock
//! packages     the user's own list, by dnf, yum or apt
//! python       the user's own list, by pip
//! binary       hydrant itself
//! settings     hydrant.toml, and the word lists that it names
//! credentials  X's keys, in a file that only its owner reads
//! service      a systemd unit, where systemd runs
//! logs         they are bounded
//! ```
//!
//! Everything of hydrant's lies in one folder of whoever signs in, `~/hydrant`; the service runs there, so that its
//! settings are found as they are everywhere.

mod binary;
mod credentials;
mod packages;
mod service;
mod settings;
mod system;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::facts::Facts;
use super::output::Order;
use super::task::{self, Done, Mode, Task};
use super::{Host, HostError};
use crate::progress::Phase;
use crate::settings::{Setting, Settings, SettingsError};

/// The folder on the host, below the home of whoever signs in.
pub const FOLDER: &str = "hydrant";
/// The service's name where systemd runs.
pub const UNIT: &str = "hydrant-stream.service";

/// What a host is to become.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The program to put there.
    pub binary: PathBuf,
    /// Its hydrant.toml, and what that names.
    pub settings: HostSettings,
    /// The content of the file with X's keys; `None` if there are none to give.
    pub credentials: Option<SecretString>,
    /// Packages of the system.
    pub packages: Vec<String>,
    /// Packages of Python.
    pub python: Vec<String>,
}

/// cloud-init installs packages and the like.
const FIRST_BOOT: Duration = Duration::from_mins(10);

impl Recipe {
    /// What the settings want of a host, with this very program if neither they nor the caller give another.
    pub fn wanted(settings: &Settings, region: &str, binary: Option<PathBuf>) -> Result<Self, HostError> {
        let list = |key: &'static str, written: &Setting<Option<String>>| {
            let bad = |why| SettingsError::BadValue { key, origin: written.origin.clone(), why };
            names(written.as_deref()).map_err(bad)
        };
        let binary = binary.or_else(|| settings.host_binary.as_deref().map(PathBuf::from));
        let this = || std::env::current_exe().map_err(HostError::file("find", "hydrant's own program"));
        Ok(Self {
            binary: binary.map_or_else(this, Ok)?,
            settings: HostSettings::of(settings, region)?,
            credentials: credentials_file(settings),
            packages: list("host_packages", &settings.host_packages)?,
            python: list("host_python_packages", &settings.host_python_packages)?,
        })
    }

    /// Makes the host so, or says what that would change; first it is waited for its first boot to end.
    pub async fn make(self, host: &Host, mode: Mode) -> Result<(Facts, Vec<Done>), HostError> {
        wait_for_first_boot(host).await?;
        let facts = Arc::new(Facts::read(host).await?);
        let done = task::run(host, &self.tasks(&facts), mode).await;
        Ok(((*facts).clone(), done))
    }

    /// The tasks for a host like this.
    pub fn tasks(self, facts: &Arc<Facts>) -> Vec<Box<dyn Task>> {
        let folder = format!("{}/{FOLDER}", facts.home);
        vec![
            Box::new(system::System { facts: Arc::clone(facts) }),
            Box::new(packages::Packages { facts: Arc::clone(facts), wanted: self.packages }),
            Box::new(packages::Python { wanted: self.python }),
            Box::new(binary::Binary::new(self.binary, &folder)),
            Box::new(settings::TheSettings { folder: folder.clone(), wanted: self.settings }),
            Box::new(credentials::Credentials { path: format!("{folder}/.env"), content: self.credentials }),
            Box::new(service::Service { facts: Arc::clone(facts), folder: folder.clone() }),
            Box::new(service::Logs { facts: Arc::clone(facts), folder }),
        ]
    }
}

/// What a path in hydrant's folder is called where it is told of: whose home it lies in is known.
fn short(path: &str) -> String {
    path.rsplit_once(&format!("/{FOLDER}/"))
        .map_or_else(|| path.to_owned(), |(_, name)| format!("~/{FOLDER}/{name}"))
}

/// A host that answers may still be at its first boot. What cloud-init could not do may not matter: the tasks find out.
async fn wait_for_first_boot(host: &Host) -> Result<(), HostError> {
    let what = "waiting for cloud-init";
    let script = "command -v cloud-init >/dev/null 2>&1 || exit 0; cloud-init status --wait 2>&1";
    host.progress().tell("task", "cloud-init", Phase::Waiting, "waiting for the first boot to end");
    let output = host.run(&Order::new(what, script).within(FIRST_BOOT)).await?;
    if output.is_good() {
        host.progress().tell("task", "cloud-init", Phase::Done, "the first boot has ended");
    } else {
        let said = crate::text::sanitise(output.out.trim());
        let why = format!("it ended badly ({said}): /var/log/cloud-init-output.log there says why");
        host.progress().tell("task", "cloud-init", Phase::Failed, why);
    }
    Ok(())
}

pub use credentials::credentials_file;
pub use settings::{Difference, HostSettings, differences, handed_on, must_name_no_file};

/// The names of a list of packages; the error completes the sentence "`key` …".
pub fn names(list: Option<&str>) -> Result<Vec<String>, String> {
    let names = list.unwrap_or_default().split_whitespace();
    names
        .map(|name| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "._+-:~=<>!,[]".contains(c);
            let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain);
            if is_name {
                Ok(name.to_owned())
            } else {
                Err(format!("holds `{name}`, which is no package's name"))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_the_callers_or_the_settings_or_this_one() {
        let flags = [("host_binary".to_owned(), "theirs".to_owned())].into();
        let sources = crate::settings::Sources { flags, ..crate::settings::Sources::default() };
        let settings = Settings::load(&sources).expect("good settings");
        let wanted = |binary| Recipe::wanted(&settings, "us-east-1", binary).expect("wanted").binary;
        assert_eq!(wanted(None), PathBuf::from("theirs"));
        assert_eq!(wanted(Some("given".into())), PathBuf::from("given"));
        let settings = Settings::load(&crate::settings::Sources::default()).expect("good settings");
        let this = Recipe::wanted(&settings, "us-east-1", None).expect("wanted").binary;
        assert_eq!(this, std::env::current_exe().expect("this program"));
    }

    #[test]
    fn what_lies_in_hydrants_folder_is_told_without_its_home() {
        assert_eq!(short("/home/ec2-user/hydrant/bin/hydrant"), "~/hydrant/bin/hydrant");
        assert_eq!(short("/home/hydrant/hydrant/.env"), "~/hydrant/.env");
        assert_eq!(short("/etc/logrotate.d/hydrant"), "/etc/logrotate.d/hydrant");
    }

    #[test]
    fn a_list_holds_names_and_no_options() {
        let names_of = |list: &str| names(Some(list));
        assert_eq!(names_of(" htop  boto3>=1.34 "), Ok(vec!["htop".to_owned(), "boto3>=1.34".to_owned()]));
        assert_eq!(names(None), Ok(Vec::new()));
        for bad in ["-y", "a;b", "$(x)", "--root=/", "a'b"] {
            assert!(names_of(bad).is_err(), "{bad}");
        }
    }
}
