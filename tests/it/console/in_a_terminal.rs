use rustix::process::Signal;

use crate::support::terminal::Terminal;

/// The console over a sandbox of its own.
fn sandbox(home: &tempfile::TempDir, size: (u16, u16)) -> Terminal {
    Terminal::run(home.path(), size, &["sandbox", "--pace", "100", "--dir", "cloud"], &[])
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
    terminal.until("nothing of the stack is there");
    terminal.press("2");
    terminal.until("resource");
    terminal.press("c");
    terminal.until("This will be done");
    terminal.press("\r");
    terminal.until("Everything is as it should be");
    terminal.escape("Everything is as it should be");
    terminal.until("everything is as it should be");
    terminal.press("D");
    terminal.until("Type default to go on");
    terminal.press("default\r");
    terminal.until("Nothing is left");
    terminal.escape("Nothing is left");
    terminal.until("nothing of the stack is there");
    terminal.press("q");
    let (status, written) = terminal.end();
    assert!(status.success() && is_given_back(&written), "{status:?}");
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
    std::fs::write(&settings, "theme = \"light\"\n\n[keys]\n\"keys\" = \"x\"\n").expect("written");
    let mut terminal = Terminal::run(home.path(), (100, 30), &[], &[]);
    terminal.until("x keys");
    terminal.press("x");
    terminal.until("To the next pane");
    drop(terminal);
    for (wrong, said) in [
        ("[keys]\nnonsense = \"x\"\n", "hydrant.toml:2: there is no action nonsense"),
        ("[keys]\n\n\"refresh\" = \"q\"\n", "bound to both"),
        ("theme = \"mauve\"\n", "there is no theme mauve"),
        ("[keys]\nrefresh = 1\n", "hydrant.toml:2: keys are text"),
    ] {
        std::fs::write(&settings, wrong).expect("written");
        let (status, written) = Terminal::run(home.path(), (200, 30), &[], &[]).end();
        assert_eq!(status.exit_code(), 2, "{written}");
        assert!(written.contains(said), "{written}");
    }
}
