use std::path::{Path, PathBuf};

use hydrant::console::Ending;
use hydrant::console::action::Keymap;
use hydrant::console::app::{Beginning, Missing, Target};
use hydrant::console::driver::{Connections, LastShelf, Rooms};
use hydrant::console::terminal::{Screen, report_panics};
use hydrant::console::theme::{Depth, Look, Signs, Theme};
use hydrant::settings::{Folders, Settings, Sources};
use rustix::process::Signal;
use tokio_util::sync::CancellationToken;

use crate::support::sandbox::Sandbox;
use crate::support::terminal::Terminal;

/// A delivery stream that need not be waited for before it goes.
const QUICK: [(&str, &str); 1] = [("HYDRANT_BUFFER_SECONDS", "0")];

/// The console over a sandbox of its own.
fn sandbox(home: &tempfile::TempDir, size: (u16, u16)) -> Terminal {
    Terminal::run(home.path(), size, &["sandbox", "--pace", "100", "--dir", "cloud"], &QUICK)
}

/// What gives a terminal back: the other screen is left, and the cursor is shown again.
fn is_given_back(written: &str) -> bool {
    written.rfind("\u{1b}[?1049l") > written.rfind("\u{1b}[?1049h")
        && written.rfind("\u{1b}[?25h") > written.rfind("\u{1b}[?25l")
        && written.rfind("\u{1b}[?1000l") > written.rfind("\u{1b}[?1000h")
}

#[test]
fn a_stack_is_created_and_torn_down_by_keys_alone() {
    let home = tempfile::tempdir().expect("a folder");
    let mut terminal = sandbox(&home, (120, 36));
    terminal.create_the_stack();
    terminal.until("everything is as it should be");
    terminal.press("y");
    terminal.until("copied arn:aws:s3");
    terminal.press("D");
    terminal.until("Type default to go on");
    terminal.press("default\r");
    terminal.until("Nothing is left");
    terminal.escape("Nothing is left");
    terminal.until("nothing of the stack is there");
    terminal.press("q");
    let (status, written) = terminal.end();
    assert!(status.success() && is_given_back(&written), "{status:?}");
    // What was copied went to the terminal's clipboard: `arn:aws:s3`, in base64.
    assert!(written.contains("\u{1b}]52;c;YXJuOmF3czpzM"), "nothing was copied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_was_left_open_makes_nothing_twice() {
    let sandbox = Sandbox::new(&[]).await;
    let mut terminal = super::console(&sandbox);
    terminal.until("nothing of the stack is there");
    terminal.press("2c");
    terminal.until("This will be done");
    sandbox.hydrant(&["up"]).await.expect(0);
    terminal.press("\r");
    terminal.until("Everything is as it should be");
    let all = sandbox.aws().ec2.describe_instances().send().await.expect("a listing");
    assert_eq!(all.reservations().len(), 1, "{all:?}");
    terminal.escape("Everything is as it should be");
    terminal.press("c");
    terminal.until("Nothing to do");
    terminal.escape("Nothing to do");
    terminal.press("q");
    assert!(terminal.end().0.success());
}

#[test]
fn a_teardown_that_is_left_goes_on_where_it_stopped() {
    let home = tempfile::tempdir().expect("a folder");
    // One slow call keeps the teardown going while the console is left, also on a slow machine.
    let slow =
        ["sandbox", "--pace", "100", "--dir", "cloud", "--fault", "slow:firehose.DeleteDeliveryStream=8s"];
    let mut terminal = Terminal::run(home.path(), (120, 36), &slow, &QUICK);
    terminal.until("nothing of the stack is there");
    terminal.press("2c");
    terminal.until("This will be done");
    terminal.press("\r");
    terminal.until("Everything is as it should be");
    terminal.escape("Everything is as it should be");
    terminal.press("D");
    terminal.until("Type default to go on");
    terminal.press("default\r");
    // Something is gone, and the delivery stream is not yet.
    terminal.until("● done");
    terminal.press("q");
    terminal.until("it stops at a safe point");
    terminal.press("\r");
    let (_, written) = terminal.end();
    assert!(is_given_back(&written) && written.contains("the same action goes on from there"), "{written}");

    let mut terminal = sandbox(&home, (120, 36));
    terminal.until("not all of the stack is there");
    terminal.press("2D");
    terminal.until("Type default to go on");
    terminal.press("default\r");
    terminal.until("Nothing is left");
    terminal.escape("Nothing is left");
    terminal.press("q");
    assert!(terminal.end().0.success());
}

#[test]
fn it_steps_aside_for_the_shell_and_comes_back() {
    let home = tempfile::tempdir().expect("a folder");
    let mut terminal = Terminal::of(Path::new("/bin/sh"), home.path(), (120, 36), &["-i"], &[("PS1", "$ ")]);
    terminal.until("$");
    terminal.press(concat!(env!("CARGO_BIN_EXE_hydrant"), " sandbox --pace 100 --dir cloud\r"));
    terminal.until("nothing of the stack is there");
    terminal.press("\u{1a}");
    terminal.until("Stopped");
    terminal.press("fg\r");
    terminal.until("Needs attention");
    terminal.press("2");
    terminal.until("resource");
    terminal.press("q");
    terminal.until("fg");
    terminal.press("exit\r");
    assert!(is_given_back(&terminal.end().1));
}

/// What `a_panic_gives_the_terminal_back_and_leaves_a_report` runs in a terminal: this program again, which panics with
/// the terminal taken. By itself it is nothing.
#[test]
fn panics_when_it_is_asked_to() {
    let Some(folder) = std::env::var_os("HYDRANT_TEST_PANICS_IN") else { return };
    report_panics(folder.into(), CancellationToken::new());
    let _screen = Screen::take().expect("a terminal");
    panic!("a fault that was asked for");
}

#[test]
fn a_panic_gives_the_terminal_back_and_leaves_a_report() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("reports");
    let program = std::env::current_exe().expect("this program");
    let arguments = ["--exact", "console::in_a_terminal::panics_when_it_is_asked_to", "--nocapture"];
    let place = folder.to_str().expect("a path of this test");
    let terminal =
        Terminal::of(&program, home.path(), (120, 36), &arguments, &[("HYDRANT_TEST_PANICS_IN", place)]);
    let (status, written) = terminal.end();
    assert!(!status.success() && is_given_back(&written), "{written}");
    assert!(written.contains("the report is in"), "{written}");
    let report =
        std::fs::read_dir(&folder).expect("the folder is made").next().expect("a report").expect("a report");
    let report = std::fs::read_to_string(report.path()).expect("it is text");
    assert!(report.contains("a fault that was asked for"), "{report}");
}

/// What `a_panic_in_a_job_ends_the_console_and_says_so` runs in a terminal: a console beside which something panics as soon
/// as a file says so. By itself it is nothing.
#[test]
fn panics_beside_the_console_when_it_is_asked_to() {
    let Some(folder) = std::env::var_os("HYDRANT_TEST_PANICS_BESIDE_IN").map(PathBuf::from) else { return };
    let theme = Theme::shipped("dark", Depth::Sixteen).expect("it is shipped");
    let beginning = Beginning {
        look: Look { theme, signs: Signs::UNICODE },
        keymap: Keymap::default(),
        target: Target { words: "nowhere".to_owned(), real: false },
        readonly: false,
        missing: Some(Missing { checks: Vec::new(), settings_file: folder.join("hydrant.toml") }),
    };
    let rooms = Rooms {
        settings: Settings::load(&Sources::default()).expect("good settings"),
        folders: Folders { data: folder.clone(), state: folder.clone(), config: folder.clone() },
        readonly: false,
        connections: Connections::default(),
        shelf: LastShelf::default(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let ending = runtime.block_on(async {
        tokio::spawn(async move {
            while !folder.join("now").exists() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            panic!("a fault that was asked for");
        });
        hydrant::console::run(beginning, rooms, CancellationToken::new()).await.expect("a terminal")
    });
    assert_eq!(ending, Ending::Fault);
}

#[test]
fn a_panic_in_a_job_ends_the_console_and_says_so() {
    let home = tempfile::tempdir().expect("a folder");
    let program = std::env::current_exe().expect("this program");
    let arguments =
        ["--exact", "console::in_a_terminal::panics_beside_the_console_when_it_is_asked_to", "--nocapture"];
    let place = home.path().to_str().expect("a path of this test");
    let variables = [("HYDRANT_TEST_PANICS_BESIDE_IN", place)];
    let terminal = Terminal::of(&program, home.path(), (120, 36), &arguments, &variables);
    terminal.until("Welcome");
    std::fs::write(home.path().join("now"), "").expect("written");
    let (status, written) = terminal.end();
    assert!(status.success() && is_given_back(&written), "{written}");
    let left = written.rfind("\u{1b}[?1049l");
    assert!(left > written.rfind("\u{1b}[?2026h"), "nothing is drawn after the terminal is given back");
    assert!(left < written.rfind("the report is in"), "{written}");
}

#[test]
fn a_storm_of_sizes_leaves_it_whole() {
    let home = tempfile::tempdir().expect("a folder");
    let mut terminal = sandbox(&home, (120, 36));
    terminal.until("nothing of the stack is there");
    for step in 0..60_u16 {
        terminal.resize(1 + step * 37 % 250, 1 + step * 13 % 80);
        terminal.press("\t");
    }
    terminal.resize(79, 23);
    terminal.until("hydrant needs 80");
    terminal.resize(100, 30);
    // Before there is room, no key does anything.
    terminal.until("1 Flow");
    terminal.press("2");
    terminal.until("resource");
    terminal.press("q");
    let (status, written) = terminal.end();
    assert!(status.success() && is_given_back(&written), "{status:?}");
}

#[test]
fn however_it_is_asked_to_end_the_terminal_is_given_back() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let home = tempfile::tempdir().expect("a folder");
        let terminal = sandbox(&home, (100, 30));
        terminal.until("Needs attention");
        terminal.signal(signal);
        let (_, written) = terminal.end();
        assert!(is_given_back(&written), "{signal:?}");
    }
}

#[test]
fn a_terminal_that_cannot_move_its_cursor_is_told_what_to_use() {
    let home = tempfile::tempdir().expect("a folder");
    let terminal = Terminal::run(home.path(), (100, 30), &[], &[("TERM", "dumb")]);
    let (status, written) = terminal.end();
    assert_eq!(status.exit_code(), 2);
    assert!(written.contains("needs a terminal that can move the cursor"), "{written}");
}

#[test]
fn somebody_without_settings_is_welcomed_and_nothing_is_asked_of_aws() {
    let home = tempfile::tempdir().expect("a folder");
    let mut terminal = Terminal::run(home.path(), (100, 30), &[], &[]);
    terminal.until("Welcome to hydrant");
    terminal.press("\r");
    terminal.until("wrote");
    assert!(home.path().join(".config/hydrant/hydrant.toml").is_file());
    terminal.press("q");
    assert!(terminal.end().0.success());
}

#[test]
fn keys_and_theme_come_from_the_settings_and_what_is_wrong_with_them_has_its_line() {
    let home = tempfile::tempdir().expect("a folder");
    let settings = home.path().join("hydrant.toml");
    std::fs::write(&settings, "theme = \"light\"\n\n[keys]\n\"keys\" = \"z\"\n").expect("written");
    let mut terminal = Terminal::run(home.path(), (100, 30), &[], &[]);
    terminal.until("z keys");
    terminal.press("z");
    terminal.until("To the next pane");
    drop(terminal);
    for (wrong, said) in [
        ("[keys]\nnonsense = \"x\"\n", "hydrant.toml:2: there is no action nonsense"),
        ("[keys]\n\n\"refresh\" = \"q\"\n", "hydrant.toml:3: the key q is bound to both"),
        ("theme = \"mauve\"\n", "there is no theme mauve"),
        ("[keys]\nrefresh = 1\n", "hydrant.toml:2: keys are text"),
    ] {
        std::fs::write(&settings, wrong).expect("written");
        let (status, written) = Terminal::run(home.path(), (200, 30), &[], &[]).end();
        assert_eq!(status.exit_code(), 2, "{written}");
        assert!(written.contains(said), "{written}");
    }
}

#[test]
fn a_theme_of_ones_own_lies_beside_the_settings_and_what_is_wrong_with_it_is_said() {
    let home = tempfile::tempdir().expect("a folder");
    let themes = home.path().join(".config/hydrant/themes");
    std::fs::create_dir_all(&themes).expect("made");
    std::fs::write(home.path().join("hydrant.toml"), "theme = \"mine\"\n").expect("written");
    std::fs::write(themes.join("mine.toml"), "text = \"#ff8800\"\naccent = \"bold cyan\"\n")
        .expect("written");
    let terminal = Terminal::run(home.path(), (100, 30), &[], &[("COLORTERM", "truecolor")]);
    terminal.until("Welcome to hydrant");
    terminal.signal(Signal::TERM);
    assert!(terminal.end().1.contains("38;2;255;136;0"), "its own colour is not used");
    std::fs::write(themes.join("mine.toml"), "glow = \"red\"\n").expect("written");
    let (status, written) = Terminal::run(home.path(), (200, 30), &[], &[]).end();
    assert_eq!(status.exit_code(), 2, "{written}");
    assert!(written.contains("mine.toml") && written.contains("there is no role glow"), "{written}");
}

#[test]
fn a_cloud_that_is_asked_too_often_is_said_to_be_and_keys_are_answered_meanwhile() {
    let home = tempfile::tempdir().expect("a folder");
    let throttled = ["sandbox", "--pace", "100", "--dir", "cloud", "--fault", "throttle:firehose=100%"];
    let mut terminal = Terminal::run(home.path(), (120, 36), &throttled, &[]);
    terminal.press("2");
    terminal.until("AWS asks to slow down");
    terminal.press("?");
    terminal.until("Open what is chosen");
    terminal.escape("Open what is chosen");
    terminal.press("q");
    assert!(terminal.end().0.success());
}
