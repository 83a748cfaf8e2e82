//! Every action of the console: its name, its keys, what it does in a line, where it is valid, and whether it
//! destroys.
//!
//! This table is the only one. Key handling, the footer, the keys page, the palette and the check for conflicts read
//! it, so that what is shown and what happens cannot differ.

use std::collections::BTreeMap;
use std::fmt;

use super::key::Key;
use super::pane::{Pane, Panes};

/// Where an action is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Wherever no text is being typed.
    Everywhere,
    /// In panes that have such a thing. A pane that has it not may use its key for something of its own.
    Habit,
    /// In one pane.
    Pane(Pane),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere => f.write_str("everywhere"),
            Self::Habit => f.write_str("where there is such a thing"),
            Self::Pane(pane) => f.write_str(pane.title()),
        }
    }
}

/// How dangerous an action is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Danger {
    /// It only looks, or changes what is on the screen.
    None,
    /// It makes or mends things: a plan is shown first.
    Changes,
    /// It destroys: it always asks, and its key is a capital letter.
    Destroys,
}

/// A line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// As `hydrant.toml` names it.
    pub name: &'static str,
    /// The keys if nobody says otherwise, the first being the one that is shown.
    pub keys: &'static [&'static str],
    /// In the footer: a word or two.
    pub short: &'static str,
    /// In the keys page and the palette: a line.
    pub help: &'static str,
    /// Where it is valid.
    pub scope: Scope,
    /// How dangerous it is.
    pub danger: Danger,
}

macro_rules! actions {
    ($( $action:ident $name:literal [ $( $key:literal ),+ ] $short:literal $help:literal $scope:expr, $danger:ident; )*) => {
        /// An action.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "the table says what each does")]
        pub enum Action { $( $action, )* }

        impl Action {
            /// Every action, in the order in which help shows them.
            pub const ALL: &[Self] = &[ $( Self::$action, )* ];

            /// Its line in the table.
            pub const fn spec(self) -> Spec {
                match self { $( Self::$action => Spec {
                    name: $name,
                    keys: &[ $( $key ),+ ],
                    short: $short,
                    help: $help,
                    scope: $scope,
                    danger: Danger::$danger,
                }, )* }
            }
        }
    };
}

use Scope::{Everywhere, Habit};

actions! {
    // Stack
    Create "stack.create" ["c"] "create" "Create what is missing of the stack and mend what differs, after showing the plan" Scope::Pane(Pane::Stack), Changes;
    TearDown "stack.tear-down" ["D"] "tear down" "Tear the stack down, after showing what goes and asking for its name" Scope::Pane(Pane::Stack), Destroys;

    StackOther "stack.other" ["b"] "other" "The notebook's stack, or back to the pipeline's" Scope::Pane(Pane::Stack), None;
    StackLink "stack.link" ["i"] "link" "Make a link into the notebook, which is a secret, and put it on the clipboard" Scope::Pane(Pane::Stack), Changes;

    // Stream
    StreamSwitch "stream.switch" ["s"] "on/off" "Start the stream in the background, or stop it when everything is delivered" Scope::Pane(Pane::Stream), Changes;
    StreamWishes "stream.source" ["S"] "source" "Show where posts come from, the terms, and what may be spent" Scope::Pane(Pane::Stream), None;
    StreamOther "stream.other" ["b"] "other" "To the stream of the other machine: this one, or the host" Scope::Pane(Pane::Stream), None;
    StreamPause "stream.pause" ["space"] "pause" "Hold the posts still; those that come meanwhile wait behind" Scope::Pane(Pane::Stream), None;

    // Lake
    LakeCombine "lake.combine" ["c"] "combine" "Combine what is chosen: an hour, a day, everything that is behind" Scope::Pane(Pane::Lake), Changes;
    LakeDownload "lake.download" ["d"] "download" "Download the chosen file; it goes on where it stopped" Scope::Pane(Pane::Lake), None;
    LakeView "lake.view" ["v"] "view" "The open file as a table, raw, or record by record" Scope::Pane(Pane::Lake), None;
    LakeMap "lake.map" ["m"] "calendar" "To the calendar of hours and back" Scope::Pane(Pane::Lake), None;

    // Topics
    TopicsFit "topics.fit" ["f"] "fit" "Fit a model, from the lake's combined hours or from files, after asking how" Scope::Pane(Pane::Topics), None;
    TopicsSweep "topics.sweep" ["w"] "sweep" "Try several numbers of topics, and see which is best" Scope::Pane(Pane::Topics), None;
    TopicsStop "topics.stop" ["c"] "stop" "Stop what is being fitted here, and keep the model as it is" Scope::Pane(Pane::Topics), None;
    TopicsName "topics.name" ["n"] "name" "Name the chosen topic; the name is kept with the model" Scope::Pane(Pane::Topics), Changes;
    TopicsMap "topics.map" ["m"] "map" "From the words to the map of topics and back" Scope::Pane(Pane::Topics), None;
    TopicsHours "topics.hours" ["v"] "over time" "From the words to the shares of topics over time and back" Scope::Pane(Pane::Topics), None;
    TopicsAsk "topics.ask" ["a"] "answers" "The questions about posts and their topics, answered as tables and heat maps" Scope::Pane(Pane::Topics), None;
    TopicsReport "topics.report" ["x"] "report" "Write the model as one page to hand on, and open it where there is a browser" Scope::Pane(Pane::Topics), Changes;
    TopicsParticular "topics.particular" ["["] "particular" "Rank words that other topics do not have higher: a smaller λ" Scope::Pane(Pane::Topics), None;
    TopicsFrequent "topics.frequent" ["]"] "frequent" "Rank frequent words higher: a greater λ" Scope::Pane(Pane::Topics), None;

    // Logs
    LogsPause "logs.pause" ["space"] "pause" "Pause the tail, or follow again; nothing is lost meanwhile" Scope::Pane(Pane::Logs), None;
    LogsMark "logs.mark" ["m"] "mark" "Mark a group, to see several as one" Scope::Pane(Pane::Logs), None;
    LogsPattern "logs.pattern" ["f"] "pattern" "Show only what fits a filter pattern, which CloudWatch applies" Scope::Pane(Pane::Logs), None;
    LogsSince "logs.since" ["s"] "since" "Begin at another time" Scope::Pane(Pane::Logs), None;
    LogsSave "logs.save" ["w"] "write" "Write the lines to a file" Scope::Pane(Pane::Logs), None;

    // Host
    HostProvision "host.provision" ["p"] "provision" "Look what the host lacks, show it, and make it so" Scope::Pane(Pane::Host), Changes;
    HostShell "host.shell" ["!"] "shell" "A shell on the host, while the console steps aside" Scope::Pane(Pane::Host), None;

    // What a pane has or has not, under the same key in all of them.
    Open "open" ["enter"] "open" "Open what is chosen" Habit, None;
    Filter "filter" ["/"] "filter" "Show only what holds a text" Habit, None;
    Next "next" ["n"] "next" "To the next that was found" Habit, None;
    Previous "previous" ["N"] "previous" "To the one found before" Habit, None;
    Sort "sort" ["s"] "sort" "Sort by the next column" Habit, None;
    SortBackwards "sort.backwards" ["o"] "reverse" "Reverse the order" Habit, None;
    Wrap "wrap" ["w"] "wrap" "Wrap long lines, or scroll them sideways" Habit, None;
    Copy "copy" ["y"] "copy" "Copy the address of what is chosen" Habit, None;

    Back "back" ["esc"] "back" "One step back: close what is on top, or cancel what loads" Everywhere, None;
    Refresh "refresh" ["r"] "refresh" "Read again what is shown" Everywhere, None;

    Up "up" ["k", "up"] "up" "One up" Everywhere, None;
    Down "down" ["j", "down"] "down" "One down" Everywhere, None;
    Left "left" ["h", "left"] "left" "To the left" Everywhere, None;
    Right "right" ["l", "right"] "right" "To the right" Everywhere, None;
    PageUp "page-up" ["page-up", "ctrl-u"] "page up" "A page up" Everywhere, None;
    PageDown "page-down" ["page-down", "ctrl-d"] "page down" "A page down" Everywhere, None;
    First "first" ["g", "home"] "first" "To the first" Everywhere, None;
    Last "last" ["G", "end"] "last" "To the last" Everywhere, None;

    Flow "pane.flow" ["1"] "Flow" "The pipeline as a drawing, and what needs attention" Everywhere, None;
    Stack "pane.stack" ["2"] "Stack" "What hydrant owns in AWS" Everywhere, None;
    Stream "pane.stream" ["3"] "Stream" "Live posts" Everywhere, None;
    Lake "pane.lake" ["4"] "Lake" "Hourly folders" Everywhere, None;
    Topics "pane.topics" ["5"] "Topics" "Topic models and word lists" Everywhere, None;
    Logs "pane.logs" ["6"] "Logs" "CloudWatch logs" Everywhere, None;
    Host "pane.host" ["7"] "Host" "The remote host" Everywhere, None;
    NextPane "pane.next" ["tab"] "next pane" "To the next pane" Everywhere, None;
    PreviousPane "pane.previous" ["shift-tab"] "previous pane" "To the pane before" Everywhere, None;

    Tasks "tasks" ["t"] "tasks" "What is going on, and what has ended" Everywhere, None;
    Problem "problem" ["e"] "error" "Open the last error whole, with its causes" Everywhere, None;
    Palette "palette" [":", "ctrl-p"] "command" "Find any action by its name" Everywhere, None;
    Keys "keys" ["?", "f1"] "keys" "The keys of this pane and of all" Everywhere, None;
    Suspend "suspend" ["ctrl-z"] "suspend" "To the shell; `fg` comes back" Everywhere, None;
    Quit "quit" ["q"] "quit" "Quit" Everywhere, None;
    QuitNow "quit.anywhere" ["ctrl-c"] "quit" "Quit from anywhere" Everywhere, None;
}

impl Action {
    /// The action of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.spec().name == name)
    }

    /// The pane that it goes to.
    pub fn pane(self) -> Option<Pane> {
        Pane::ALL.into_iter().find(|pane| pane.action() == self)
    }
}

/// Which key does what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    bound: BTreeMap<(Scope, Key), Action>,
    keys: BTreeMap<Action, Vec<Key>>,
}

/// Why keys cannot be bound so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeymapError {
    /// There is no such action.
    #[error("there is no action {0}: `?` in the console lists them")]
    UnknownAction(String),
    /// There is no such key.
    #[error("{action}: {why}")]
    UnknownKey {
        /// The action.
        action: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Two actions want one key in one place.
    #[error("the key {key} is bound to both {one} and {other}")]
    Conflict {
        /// The key.
        key: Key,
        /// An action.
        one: &'static str,
        /// Another.
        other: &'static str,
    },
}

impl KeymapError {
    /// The actions that it is about.
    pub fn actions(&self) -> Vec<&str> {
        match self {
            Self::UnknownAction(action) => vec![action],
            Self::UnknownKey { action, .. } => vec![action],
            Self::Conflict { one, other, .. } => vec![one, other],
        }
    }
}

impl Keymap {
    /// The default keys, with those of some actions replaced.
    pub fn new<'a>(own: impl IntoIterator<Item = (&'a str, Vec<&'a str>)>) -> Result<Self, KeymapError> {
        let mut wanted: BTreeMap<Action, Vec<Key>> = BTreeMap::new();
        for action in Action::ALL {
            wanted.insert(*action, parse(*action, action.spec().keys)?);
        }
        for (name, keys) in own {
            let action = Action::named(name).ok_or_else(|| KeymapError::UnknownAction(name.to_owned()))?;
            wanted.insert(action, parse(action, &keys)?);
        }
        let panes = Panes::default();
        let has = |pane: Pane, habit: Action| panes.get(pane).habits().contains(&habit);
        let mut bound: BTreeMap<(Scope, Key), Action> = BTreeMap::new();
        for (action, keys) in &wanted {
            for key in keys {
                let scope = action.spec().scope;
                // A pane's key may hide neither one that is valid everywhere nor a habit of that pane: it would be
                // unreachable there.
                let rivals = bound.iter().filter(|((place, other), rival)| {
                    let meet = match (*place, scope) {
                        (Everywhere, _) | (_, Everywhere) => true,
                        (Scope::Pane(pane), Habit) => has(pane, *action),
                        (Habit, Scope::Pane(pane)) => has(pane, **rival),
                        (place, scope) => place == scope,
                    };
                    other == key && meet
                });
                for (_, rival) in rivals {
                    if rival != action {
                        let (one, other) = (rival.spec().name, action.spec().name);
                        return Err(KeymapError::Conflict { key: *key, one, other });
                    }
                }
                bound.insert((scope, *key), *action);
            }
        }
        Ok(Self { bound, keys: wanted })
    }

    /// What a key does in a pane.
    pub fn action(&self, pane: Pane, key: Key) -> Option<Action> {
        let at = |scope| self.bound.get(&(scope, key)).copied();
        at(Scope::Pane(pane)).or_else(|| at(Habit)).or_else(|| at(Everywhere))
    }

    /// What a key does while something lies on top, where a pane's own actions mean nothing.
    pub fn on_top(&self, key: Key) -> Option<Action> {
        let at = |scope| self.bound.get(&(scope, key)).copied();
        at(Habit).or_else(|| at(Everywhere))
    }

    /// The key that is shown for an action; `None` if it was taken from it.
    pub fn shown(&self, action: Action) -> Option<Key> {
        self.keys.get(&action)?.first().copied()
    }

    /// All keys of an action.
    pub fn keys(&self, action: Action) -> &[Key] {
        self.keys.get(&action).map_or(&[], Vec::as_slice)
    }
}

impl Default for Keymap {
    fn default() -> Self {
        Self::new([]).expect("a test checks the default keys")
    }
}

fn parse(action: Action, keys: &[&str]) -> Result<Vec<Key>, KeymapError> {
    let read =
        |key: &&str| key.parse().map_err(|why| KeymapError::UnknownKey { action: action.spec().name, why });
    keys.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_keys_do_not_conflict() {
        assert_eq!(Keymap::new([]).map(drop), Ok(()));
    }

    #[test]
    fn what_destroys_is_a_capital_letter() {
        for action in Action::ALL {
            let spec = action.spec();
            let capital = |key: &&str| key.len() == 1 && key.chars().all(char::is_uppercase);
            assert!(spec.danger != Danger::Destroys || spec.keys.iter().all(capital), "{}", spec.name);
        }
    }

    #[test]
    fn a_pane_may_use_the_key_of_a_habit_that_it_has_not_and_no_other_that_is_taken() {
        let map = Keymap::new([("stack.create", vec!["n"])]).expect("n goes on where something is searched");
        assert_eq!(map.action(Pane::Stack, Key::char('n')), Some(Action::Create));
        assert_eq!(map.action(Pane::Logs, Key::char('n')), Some(Action::Next));
        assert!(Keymap::new([("sort", vec!["q"])]).is_err());
    }

    #[test]
    fn a_key_that_would_hide_a_habit_of_its_pane_is_refused_and_both_are_named() {
        let refused =
            |action, key| Keymap::new([(action, vec![key])]).expect_err("it hides a habit").to_string();
        for (action, key, both) in [
            ("filter", "c", ["filter", "stack.create"]),
            ("stack.create", "s", ["sort", "stack.create"]),
            ("open", "space", ["open", "stream.pause"]),
        ] {
            let named = refused(action, key);
            assert!(both.iter().all(|name| named.contains(name)), "{named}");
        }
    }

    #[test]
    fn keys_can_be_changed_and_two_actions_on_one_key_name_both() {
        let map = Keymap::new([("stack.create", vec!["n", "ctrl-n"])]).expect("good keys");
        assert_eq!(map.action(Pane::Stack, Key::char('n')), Some(Action::Create));
        assert_eq!(map.action(Pane::Stack, Key::char('c')), None);
        let swapped =
            Keymap::new([("refresh", vec!["q"]), ("quit", vec!["r"])]).expect("no key has two actions");
        assert_eq!(swapped.action(Pane::Flow, Key::char('q')), Some(Action::Refresh));
        let conflict = Keymap::new([("refresh", vec!["q"])]).expect_err("q quits");
        assert!(conflict.actions().contains(&"refresh"));
        let conflict = conflict.to_string();
        assert!(conflict.contains("refresh") && conflict.contains("quit"), "{conflict}");
        let hidden = Keymap::new([("stack.create", vec!["q"])]).expect_err("q quits").to_string();
        assert!(hidden.contains("stack.create"), "{hidden}");
        assert!(Keymap::new([("stack.crate", vec!["x"])]).is_err());
        assert!(Keymap::new([("refresh", vec!["hyper-x"])]).is_err());
    }
}
