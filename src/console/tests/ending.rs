use super::given::Given;
use crate::console::driver::{Connections, Driver, LastShelf, Rooms};
use crate::console::effect::stream::{Job, On};
use crate::console::{Console, Frames};
use crate::settings::{Folders, Settings, Sources};

#[tokio::test]
async fn a_terminal_that_is_gone_lets_a_run_come_to_its_safe_point() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().to_owned();
    let rooms = Rooms {
        settings: Settings::load(&Sources::default()).expect("good settings"),
        folders: Folders { data: place.clone(), state: place.clone(), config: place },
        readonly: false,
        connections: Connections::default(),
        shelf: LastShelf::default(),
    };
    let mut console = Console {
        screen: None,
        input: None,
        app: Given::started(100, 30).app,
        driver: Driver::new(rooms),
        frames: Frames::default(),
        quit: false,
    };
    console.driver.start(Job::Stop(On::Local).into());
    assert_eq!(console.driver.must_end().len(), 1);
    let gone = std::io::Error::other("the terminal is gone");
    assert!(console.end(Err(gone)).await.is_err(), "and that it is gone is said");
    assert!(console.driver.must_end().is_empty(), "the run was torn away");
}
