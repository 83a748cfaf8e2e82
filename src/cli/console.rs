//! `hydrant` and `hydrant console`: opens the console.

use std::io::IsTerminal;

use clap::Args;

use super::style::talk;
use super::{CliError, Context, Exit};
use crate::cloud::Place;
use crate::console::action::Keymap;
use crate::console::app::{Beginning, Missing, Target};
use crate::console::driver::{Connections, LastShelf, Rooms, settings_file};
use crate::console::theme::{Depth, Look, SHIPPED, Signs, Theme};
use crate::console::{self, Ending};

/// Open the console (what hydrant does without a command)
#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant --readonly")]
pub(super) struct Console {}

impl Console {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let target = match context.settings.endpoint_url.as_ref() {
            Some(url) => Place::Endpoint(url.clone()).to_string(),
            None => "aws".to_owned(),
        };
        let real = context.settings.endpoint_url.is_none();
        open(context, Target { words: target, real }).await
    }
}

/// Opens the console on a target.
pub(super) async fn open(context: Context, target: Target) -> Result<Exit, CliError> {
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if !terminal || std::env::var("TERM").is_ok_and(|term| term == "dumb") {
        return Err(CliError::Usage(
            "the console needs a terminal that can move the cursor: use the commands (`hydrant --help`)"
                .to_owned(),
        ));
    }
    let beginning = Beginning {
        look: look(&context)?,
        keymap: keymap(&context)?,
        missing: missing(&context, &target),
        readonly: context.global.readonly,
        target,
    };
    let rooms = Rooms {
        settings: context.settings.clone(),
        folders: context.folders.clone(),
        readonly: context.global.readonly,
        connections: Connections::default(),
        shelf: LastShelf::default(),
    };
    let ending = console::run(beginning, rooms, context.stop.clone())
        .await
        .map_err(|source| CliError::Io { what: "use the terminal".to_owned(), source })?;
    match ending {
        Ending::Done => Ok(Exit::Done),
        Ending::Stopped => {
            talk!("hydrant: stopped; the same action goes on from there");
            Ok(Exit::Done)
        }
        Ending::Fault => Ok(Exit::Failed),
    }
}

/// Whether the console's own settings, keys and theme, are such that it starts.
pub(super) fn starts(context: &Context) -> Result<(), CliError> {
    look(context)?;
    keymap(context).map(drop)
}

fn keymap(context: &Context) -> Result<Keymap, CliError> {
    let own = context.layers.keys();
    let bound = own.iter().map(|(action, keys)| (action.name.as_str(), keys_of(keys)));
    Keymap::new(bound).map_err(|error| {
        // What is wrong is said of its line; whether keys conflict shows only once all are bound.
        let about = error.actions();
        let line = own.iter().map(|(action, _)| action).find(|action| about.contains(&action.name.as_str()));
        CliError::Usage(
            line.map_or_else(|| error.to_string(), |action| format!("{}: {error}", action.origin)),
        )
    })
}

fn keys_of(keys: &[String]) -> Vec<&str> {
    keys.iter().map(String::as_str).collect()
}

fn look(context: &Context) -> Result<Look, CliError> {
    let variable = |name: &str| std::env::var(name).ok();
    let depth = if context.global.is_colourless() { Depth::None } else { Depth::detect(variable) };
    let signs = if *context.settings.ascii { Signs::ASCII } else { Signs::detect(variable) };
    let name = context.settings.theme.to_string();
    if let Some(theme) = Theme::shipped(&name, depth) {
        return Ok(Look { theme, signs });
    }
    let path = context.folders.config.join("themes").join(format!("{name}.toml"));
    let text = std::fs::read_to_string(&path).map_err(|_| {
        let shipped = SHIPPED.map(|(name, _)| name).join(", ");
        CliError::Usage(format!(
            "there is no theme {name}: there are {shipped}, and none of your own in {}",
            path.display()
        ))
    })?;
    let theme =
        Theme::parse(&text, depth).map_err(|why| CliError::Usage(format!("{}: {why}", path.display())))?;
    Ok(Look { theme, signs })
}

/// What a first run lacks: nothing is asked of AWS before there is something to sign in with.
fn missing(context: &Context, target: &Target) -> Option<Missing> {
    let settings = &context.settings;
    let keys = settings.aws_access_key_id.is_some() && settings.aws_secret_access_key.is_some();
    let home = std::env::var_os("HOME").map(std::path::PathBuf::from).unwrap_or_default();
    let profiles = ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"]
        .into_iter()
        .filter_map(std::env::var_os)
        .map(std::path::PathBuf::from)
        .chain([home.join(".aws/credentials"), home.join(".aws/config")])
        .any(|file| file.is_file());
    // A host in AWS, a container or a web identity signs in without any of these.
    let elsewhere = [
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    ]
    .into_iter()
    .any(|name| std::env::var_os(name).is_some());
    if keys || profiles || elsewhere || !target.real || settings.profile.is_some() {
        return None;
    }
    let checks = vec![
        ("access keys in the environment or in a .env here or above".to_owned(), keys),
        ("a profile in ~/.aws".to_owned(), profiles),
        ("a region".to_owned(), settings.region.is_some()),
        ("a hydrant.toml".to_owned(), context.layers.file.is_some()),
    ];
    Some(Missing { checks, settings_file: settings_file(&context.folders) })
}
