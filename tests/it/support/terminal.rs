//! A pseudo-terminal with a program in it, and what its screen shows.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

/// Whatever is waited for comes within this time, however busy the machine is.
const LIMIT: Duration = Duration::from_mins(3);
/// How often the screen is looked at.
const LOOK: Duration = Duration::from_millis(20);

pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    input: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    screen: Arc<Mutex<vt100::Parser>>,
    /// Every byte that the program wrote.
    written: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Runs `hydrant` with these arguments in a home of its own.
    pub fn run(home: &Path, size: (u16, u16), arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::of(Path::new(env!("CARGO_BIN_EXE_hydrant")), home, size, arguments, variables)
    }

    /// The same with any program.
    pub fn of(
        program: &Path,
        home: &Path,
        size: (u16, u16),
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let size = PtySize { cols: size.0, rows: size.1, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.env_clear();
        command.env("HOME", home);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        for (name, value) in variables {
            command.env(name, value);
        }
        command.cwd(home);
        let child = pair.slave.spawn_command(command).expect("the binary starts");
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(size.rows, size.cols, 0)));
        let written = Arc::new(Mutex::new(Vec::new()));
        let mut output = pair.master.try_clone_reader().expect("its output");
        let (seen, bytes) = (Arc::clone(&screen), Arc::clone(&written));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = output.read(&mut buffer) {
                seen.lock().expect("nothing panics with it").process(&buffer[..read]);
                bytes.lock().expect("nothing panics with it").extend_from_slice(&buffer[..read]);
            }
        });
        let input = pair.master.take_writer().expect("its input");
        Self { master: pair.master, input, child, screen, written }
    }

    pub fn screen(&self) -> String {
        self.screen.lock().expect("nothing panics with it").screen().contents()
    }

    /// Where nothing is there: plans the stack, makes it, and closes what is said of it.
    #[track_caller]
    pub fn create_the_stack(&mut self) {
        self.until("nothing of the stack is there");
        self.press("2");
        self.until("resource");
        self.press("c");
        self.until("This will be done");
        self.press("\r");
        self.until("Everything is as it should be");
        self.escape("Everything is as it should be");
    }

    /// Waits until the screen shows a text.
    #[track_caller]
    pub fn until(&self, text: &str) {
        let began = Instant::now();
        while !self.screen().contains(text) {
            assert!(began.elapsed() < LIMIT, "{text:?} does not come up:\n{}", self.screen());
            std::thread::sleep(LOOK);
        }
    }

    /// Presses esc and waits until a text is gone. A key that comes together with esc would be that key with alt.
    #[track_caller]
    pub fn escape(&mut self, text: &str) {
        self.press("\u{1b}");
        let began = Instant::now();
        while self.screen().contains(text) {
            assert!(began.elapsed() < LIMIT, "{text:?} does not go away:\n{}", self.screen());
            std::thread::sleep(LOOK);
        }
    }

    pub fn press(&mut self, keys: &str) {
        self.input.write_all(keys.as_bytes()).expect("it reads its keys");
        self.input.flush().expect("it reads its keys");
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        let size = PtySize { cols: columns, rows, pixel_width: 0, pixel_height: 0 };
        self.screen.lock().expect("nothing panics with it").screen_mut().set_size(rows, columns);
        self.master.resize(size).expect("resized");
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = self.child.process_id().and_then(|id| i32::try_from(id).ok());
        let id = id.and_then(rustix::process::Pid::from_raw).expect("it runs");
        rustix::process::kill_process(id, signal).expect("it is ours");
    }

    /// As `kill -9` does it.
    pub fn kill(mut self) {
        // What portable-pty calls a kill hangs up first, which is something to be heard.
        self.signal(rustix::process::Signal::KILL);
        self.child.wait().expect("it is ours");
    }

    /// Waits for the program to end.
    #[track_caller]
    pub fn end(mut self) -> (ExitStatus, String) {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                // What it wrote last may still be on its way.
                std::thread::sleep(LOOK * 5);
                let written = self.written.lock().expect("nothing panics with it");
                return (status, String::from_utf8_lossy(&written).into_owned());
            }
            assert!(began.elapsed() < LIMIT, "it does not end:\n{}", self.screen());
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
    }
}
