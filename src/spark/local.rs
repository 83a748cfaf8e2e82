//! `spark-submit` on this machine, for trying and for tests.
//!
//! The job runs in a process group of its own, so that cancelling ends the Java machine and every Python of it, and so
//! that it goes on when the process that submitted it does not. What its script says is in `spark.out` in the folder of
//! the results while it runs, what Spark says in `spark.log`; at the end there is `spark.log` with both, whose last is
//! what a failure is explained by. (`spark-submit` puts all that a script says, complaints too, on its standard output.)
//!
//! Its handle is the process's number and when it began, because numbers are used again.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use super::{Engine, Job, LAST, Log, LogFiles, Run, Seen, SparkError, Stage, State};
use crate::lake::Place;
use crate::settings::{Dollars, EngineName};

/// How long a job that is told to end has for it.
const END_WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How much of the end of a log is looked at for why a job failed.
const TAIL: usize = 16 << 10;
/// Where the script and its settings are while it runs, in the folder of its results.
const FILES: &str = ".spark";
/// How many of the lines that a script says are looked at for the same.
const SAID: usize = 100;

/// Spark on this machine.
#[derive(Debug)]
pub struct Local {
    program: String,
    threads: Option<usize>,
    /// The job that this process has submitted: it alone hears how it ended.
    child: Mutex<Option<(String, Child)>>,
}

impl Local {
    /// Spark by that program, with so many threads or one for each core.
    pub fn new(program: String, threads: Option<usize>) -> Self {
        Self { program, threads, child: Mutex::default() }
    }
}

/// A job that runs here.
#[derive(Debug)]
struct Running {
    process: Process,
    out: PathBuf,
    said: Said,
}

#[derive(Debug)]
enum Process {
    /// Of this process.
    Own(Child),
    /// Of another, which may have ended since.
    Others { pid: Pid, began: String },
}

/// What the script says, as it comes.
#[derive(Debug)]
struct Said {
    path: PathBuf,
    at: u64,
    /// A line whose end is not written yet.
    rest: Vec<u8>,
    /// The last of what is no progress.
    last: VecDeque<String>,
}

fn write(path: &Path, text: &str) -> Result<(), SparkError> {
    std::fs::write(path, text).map_err(SparkError::file("write", path))
}

fn make(path: &Path) -> Result<File, SparkError> {
    let options = &mut std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    file.map_err(SparkError::file("write", path))
}

#[async_trait]
impl Engine for Local {
    fn name(&self) -> EngineName {
        EngineName::Local
    }

    async fn ready(&self) -> Result<String, SparkError> {
        let program = self.program.clone();
        if is_there(&program) {
            return Ok(program);
        }
        Err(SparkError::NoSpark { program, source: std::io::ErrorKind::NotFound.into() })
    }

    async fn submit(&self, job: &Job, _token: &str) -> Result<String, SparkError> {
        job.must_be_reached(EngineName::Local)?;
        self.ready().await?;
        std::fs::create_dir_all(&job.out).map_err(SparkError::file("make", &job.out))?;
        // The last file of an earlier job must not pass for this one's.
        drop(std::fs::remove_file(job.out.join(LAST)));
        let files = job.out.join(FILES);
        crate::settings::Folders::make_private(&files).map_err(SparkError::file("make", &files))?;
        let (script, settings) = (files.join("job.py"), files.join("settings.json"));
        write(&script, job.script())?;
        write(&settings, &job.settings.to_string())?;
        let (stdout, stderr) = (make(&job.out.join("spark.out"))?, make(&job.out.join("spark.log"))?);
        let threads = self.threads.map_or_else(|| "*".to_owned(), |threads| threads.to_string());
        let child = Command::new(&self.program)
            .args(["--master", &format!("local[{threads}]"), "--name", &format!("hydrant-{}", job.name)])
            // Nobody looks at its web page, and a machine may be where nobody else should either.
            .args(["--conf", "spark.ui.enabled=false", "--conf", "spark.driver.bindAddress=127.0.0.1"])
            .args(["--conf", "spark.driver.host=127.0.0.1"])
            .arg(&script)
            .arg(&settings)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0)
            .spawn();
        let child = child.map_err(|source| SparkError::NoSpark { program: self.program.clone(), source })?;
        let pid = child.id().expect("a process that was not waited for has a number");
        let handle = format!("{pid} {}", began(pid).unwrap_or_default());
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some((handle.clone(), child));
        Ok(handle)
    }

    async fn attach(&self, job: &Job, handle: &str) -> Result<Box<dyn Run>, SparkError> {
        let own = {
            let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
            child.take_if(|(own, _)| own == handle)
        };
        let process = if let Some((_, child)) = own {
            Process::Own(child)
        } else {
            let (pid, began) = handle.split_once(' ').unwrap_or_default();
            let pid = pid.parse().ok().and_then(Pid::from_raw);
            let pid = pid.ok_or_else(|| SparkError::NoJob(handle.to_owned()))?;
            Process::Others { pid, began: began.to_owned() }
        };
        let said = Said { path: job.out.join("spark.out"), at: 0, rest: Vec::new(), last: VecDeque::new() };
        Ok(Box::new(Running { process, out: job.out.clone(), said }))
    }
}

/// Whether a program is where it is named, or on the path.
pub fn is_there(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// When a process began, as the system writes it; `None` if there is none of that number.
fn began(pid: u32) -> Option<String> {
    if Path::new("/proc/self/stat").exists() {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // What follows the name, which may hold anything: the state, and 19 fields on the time.
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        return (fields.first() != Some(&"Z"))
            .then(|| fields.get(19).copied().unwrap_or_default().to_owned());
    }
    let asked = std::process::Command::new("ps")
        .args(["-o", "lstart=", "-p", &pid.to_string()])
        .env("LC_ALL", "C")
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    (!said.is_empty()).then_some(said)
}

impl Process {
    fn group(&self) -> Option<Pid> {
        match self {
            Self::Own(child) => child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw),
            Self::Others { pid, began: then } => {
                let now = began(u32::try_from(pid.as_raw_nonzero().get()).ok()?);
                (now.as_deref() == Some(then)).then_some(*pid)
            }
        }
    }

    /// How it ended, if it has: well, badly, or nobody knows.
    fn ended(&mut self, log: &Path) -> Result<Option<Ended>, SparkError> {
        match self {
            Self::Own(child) => {
                let status = child.try_wait().map_err(SparkError::file("wait for the job of", log))?;
                Ok(status.map(|status| Ended { well: Some(status.success()), words: status.to_string() }))
            }
            Self::Others { .. } if self.group().is_some() => Ok(None),
            Self::Others { .. } => {
                Ok(Some(Ended { well: None, words: "it has ended without results".to_owned() }))
            }
        }
    }
}

struct Ended {
    /// `None` where nobody heard.
    well: Option<bool>,
    words: String,
}

impl Said {
    /// The stages that were said since the last time; the rest is kept.
    fn read(&mut self) -> Result<Vec<Stage>, SparkError> {
        let cannot = |source| SparkError::file("read the progress of", &self.path)(source);
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            // It is put behind the log at the end.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(cannot(error)),
        };
        file.seek(SeekFrom::Start(self.at)).map_err(cannot)?;
        let read = file.read_to_end(&mut self.rest).map_err(cannot)?;
        self.at += read as u64;
        let end = memchr::memrchr(b'\n', &self.rest).map_or(0, |end| end + 1);
        let after = self.rest.split_off(end);
        let whole = std::mem::replace(&mut self.rest, after);
        let mut stages = Vec::new();
        for line in String::from_utf8_lossy(&whole).lines() {
            if let Some(stage) = Stage::of_line(line) {
                stages.push(stage);
                continue;
            }
            if self.last.len() == SAID {
                self.last.pop_front();
            }
            self.last.push_back(line.to_owned());
        }
        Ok(stages)
    }

    /// Puts what was said behind the log, where somebody looks for all of it.
    fn append_to(&self, log: &Path) -> Result<(), SparkError> {
        let Ok(file) = File::open(&self.path) else { return Ok(()) };
        // Of several that see the end one does it, and the others find it done. Where the file system knows no locks, it
        // is as it was without.
        drop(file.lock());
        let Ok(said) = std::fs::read_to_string(&self.path) else { return Ok(()) };
        let lines: Vec<&str> = said.lines().filter(|line| Stage::of_line(line).is_none()).collect();
        let file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(log);
        let written = file.and_then(|mut file| lines.iter().try_for_each(|line| writeln!(file, "{line}")));
        written.map_err(SparkError::file("write", log))?;
        std::fs::remove_file(&self.path).map_err(SparkError::file("remove", &self.path))
    }
}

impl Running {
    fn log_file(&self) -> PathBuf {
        self.out.join("spark.log")
    }

    /// Leaves what was said in the log, and nothing of the job but that and its results.
    fn tidy(&self) -> Result<(), SparkError> {
        self.said.append_to(&self.log_file())?;
        // What is left of it harms nobody.
        drop(std::fs::remove_dir_all(self.out.join(FILES)));
        Ok(())
    }
}

#[async_trait]
impl Run for Running {
    async fn look(&mut self) -> Result<Seen, SparkError> {
        let log = self.log_file();
        // In this order: what it said before it ended is there by then.
        let ended = self.process.ended(&log)?;
        let stages = self.said.read()?;
        let Some(Ended { well, words }) = ended else { return Ok(Seen { stages, state: State::Running }) };
        let said: Vec<&str> = self.said.last.iter().map(String::as_str).collect();
        let said = why(&said.join("\n"));
        self.tidy()?;
        if well.unwrap_or_else(|| self.out.join(LAST).exists()) {
            return Ok(Seen { stages, state: State::Done });
        }
        let all = std::fs::read(&log).unwrap_or_default();
        let tail = all.get(all.len().saturating_sub(TAIL)..).unwrap_or_default();
        let why = said.or_else(|| why(&String::from_utf8_lossy(tail))).unwrap_or(words);
        Ok(Seen { stages, state: State::Failed(why) })
    }

    async fn cancel(&mut self) -> Result<State, SparkError> {
        let Some(group) = self.process.group() else { return Ok(self.look().await?.state) };
        let signal = |signal| {
            if let Err(error) = kill_process_group(group, signal) {
                tracing::debug!(%error, "the job has ended by itself");
            }
        };
        signal(Signal::TERM);
        let log = self.log_file();
        let ended = async {
            while self.process.ended(&log)?.is_none() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Ok::<(), SparkError>(())
        };
        let in_time = tokio::time::timeout(END_WITHIN, ended).await;
        // Also when it has ended: what it started may not have.
        signal(Signal::KILL);
        in_time.unwrap_or(Ok(()))?;
        self.tidy()?;
        let done = self.out.join(LAST).exists();
        Ok(if done { State::Done } else { State::Cancelled("it was ended on this machine".to_owned()) })
    }

    async fn bring(&mut self) -> Result<(), SparkError> {
        Ok(())
    }

    /// Without what a look does with what was said: whoever follows the job does that.
    async fn is_over(&mut self) -> Result<bool, SparkError> {
        let log = self.log_file();
        Ok(self.process.ended(&log)?.is_some())
    }

    fn log(&self) -> Log {
        let lines = LogFiles::of(Place::Folder(self.out.clone()));
        Log::Lines { at: self.log_file().display().to_string(), lines: Box::new(lines) }
    }

    fn cost(&self) -> Option<Dollars> {
        Some(Dollars::ZERO)
    }

    fn pace(&self) -> (Duration, Duration) {
        (LOOK_EVERY, LOOK_EVERY)
    }
}

/// Why a job failed: the last exception or the last word of the script, out of all that Spark and Java say around it.
pub(super) fn why(log: &str) -> Option<String> {
    let lines = || log.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_noise = |line: &str| {
        line.starts_with("at ")
            || line.starts_with("...")
            || line.starts_with("File \"")
            || [" INFO ", " WARN ", " DEBUG "].iter().any(|level| line.contains(level))
    };
    let exception = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default();
        line.contains(": ") && (name.ends_with("Exception") || name.ends_with("Error"))
    };
    let last = lines().rfind(exception).or_else(|| lines().rfind(|line| !is_noise(line)));
    last.map(crate::text::sanitise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_explained_by_what_was_said_last_and_not_by_where() {
        let java = "26/11/26 INFO X: y\njava.io.IOException: No space left on device\n\tat org.apache.Spark\n\t... 3 more\n26/11/26 INFO ShutdownHookManager: bye\n";
        assert_eq!(why(java).as_deref(), Some("java.io.IOException: No space left on device"));
        let script = "26/11/26 WARN X: y\n1 words count in 2 documents: nothing can be learned from that\n26/11/26 05:24:48 INFO Hook: bye\n";
        assert_eq!(
            why(script).as_deref(),
            Some("1 words count in 2 documents: nothing can be learned from that")
        );
        assert_eq!(why(""), None);
    }

    #[tokio::test]
    async fn a_job_that_is_ended_leaves_nothing_but_its_log_and_its_results() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().to_owned();
        std::fs::create_dir(out.join(FILES)).expect("made");
        std::fs::write(out.join("spark.out"), "a word of the script\n").expect("written");
        std::fs::write(out.join(LAST), "{}").expect("written");
        let child = Command::new("sleep").arg("60").process_group(0).spawn().expect("a process");
        let said = Said { path: out.join("spark.out"), at: 0, rest: Vec::new(), last: VecDeque::new() };
        let mut run = Running { process: Process::Own(child), out: out.clone(), said };
        assert_eq!(run.cancel().await.expect("ended"), State::Done, "its results were there already");
        assert!(!out.join(FILES).exists() && !out.join("spark.out").exists());
        let log = std::fs::read_to_string(run.log_file()).expect("a log");
        assert_eq!(log, "a word of the script\n");
    }

    #[test]
    fn what_another_puts_behind_the_log_is_not_put_there_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, log) = (folder.path().join("spark.out"), folder.path().join("spark.log"));
        std::fs::write(&path, "a word of the script\n").expect("written");
        let other = File::open(&path).expect("opened");
        other.lock().expect("nobody else has it");
        let said = Said { path: path.clone(), at: 0, rest: Vec::new(), last: VecDeque::new() };
        let (ended, end) = std::sync::mpsc::channel();
        let second = std::thread::spawn({
            let log = log.clone();
            move || ended.send(said.append_to(&log)).expect("it is heard")
        });
        end.recv_timeout(Duration::from_millis(50)).expect_err("it waits for the other");
        std::fs::rename(&path, &log).expect("put there by the other");
        drop(other);
        end.recv().expect("an end").expect("it was done already");
        second.join().expect("it ended");
        assert_eq!(std::fs::read_to_string(&log).expect("a log"), "a word of the script\n");
    }

    #[test]
    fn a_process_is_known_by_its_number_and_when_it_began() {
        let own = std::process::id();
        let then = began(own).expect("this process runs");
        let pid = i32::try_from(own).ok().and_then(Pid::from_raw).expect("a number");
        assert!(Process::Others { pid, began: then }.group().is_some());
        assert!(Process::Others { pid, began: "1".to_owned() }.group().is_none(), "another had that number");
    }
}
