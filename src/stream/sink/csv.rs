//! Records in a CSV file: a header, quoted where need be, only ever appended to.
//!
//! Lines reach the file whole. What a crash left behind the place up to which the file is known to go is cut away if it
//! is what will be written again, so that no row is there twice; what others wrote there stays. A last line that was
//! torn all the same is closed before the next record, with its quote if one is open, so that only the torn line is lost
//! to readers: no field of a record holds a line end. By setting, cells that a spreadsheet would run as formulas are
//! defused with an apostrophe.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::stream::post::PostKey;
use crate::stream::record::{COLUMNS, Fields};

/// No line is longer: farther back a torn one does not begin.
const LONGEST: u64 = 64 << 20;

/// The file.
#[derive(Debug)]
pub struct CsvFile {
    path: PathBuf,
    file: File,
    rows: Vec<u8>,
    defuses: bool,
    /// Whether it is on a disk; a pipe is not.
    is_kept: bool,
    /// Whether its last line is known to be whole.
    is_whole: bool,
    /// How long it is with what was written here last.
    length: u64,
}

/// What stood in a file behind where it was known to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// Nothing.
    Nothing,
    /// So many bytes of rows that will be written again: they are gone.
    Cut(u64),
    /// So many bytes that are something else: they are still there.
    Others(u64),
}

/// What a file is known by where its path does not fit.
pub fn name_of(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    format!("csv-{:016x}", PostKey::of(&whole.to_string_lossy()).0)
}

impl CsvFile {
    /// Opens a file to append to; a new one gets the header.
    pub fn open(path: &Path, defuses: bool) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let found = file.metadata()?;
        let (is_kept, length) = (found.is_file(), found.len());
        let path = path.to_owned();
        let mut csv = Self { path, file, rows: Vec::new(), defuses, is_kept, is_whole: length == 0, length };
        if length == 0 {
            csv.format(|writer| writer.write_record(COLUMNS))?;
            csv.hand_over()?;
        }
        Ok(csv)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How long it is with what was written here last.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Adds records, given as their lines: all of them or, after an error, none.
    pub fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.format_lines(lines)?;
        self.hand_over()
    }

    /// Puts on disk what was added.
    pub fn sync(&self) -> io::Result<()> {
        if self.is_kept { self.file.sync_data() } else { Ok(()) }
    }

    /// Cuts away what stands behind so many bytes, if it is the beginning of the rows that come again. `come_again` hands
    /// on their lines, as long as it is asked for more, each with whether its post was taken back: its row may be missing.
    /// It may also be there, from before that was known.
    pub fn cut_back(
        &mut self,
        length: u64,
        come_again: impl FnOnce(&mut dyn FnMut(&[u8], bool) -> bool) -> io::Result<()>,
    ) -> io::Result<Behind> {
        let end = self.file.metadata()?.len();
        let behind = end.saturating_sub(length);
        if behind == 0 {
            return Ok(Behind::Nothing);
        }
        let mut at = length;
        let mut compared = Ok(());
        come_again(&mut |line, is_withdrawn| {
            match self.format_lines(line).and_then(|()| self.standing(at, end)) {
                Ok(Some(bytes)) => at += bytes,
                Ok(None) => return is_withdrawn,
                Err(error) => compared = Err(error),
            }
            compared.is_ok() && at < end
        })?;
        compared?;
        if at < end {
            return Ok(Behind::Others(behind));
        }
        self.file.set_len(length)?;
        self.length = length;
        Ok(Behind::Cut(behind))
    }

    /// How many bytes of the formatted rows stand at this place, where only the end of the file may tear them; `None` if
    /// something else does.
    fn standing(&self, at: u64, end: u64) -> io::Result<Option<u64>> {
        let left = usize::try_from(end - at).unwrap_or(usize::MAX);
        let rows = &self.rows[..self.rows.len().min(left)];
        let mut there = vec![0; rows.len()];
        self.file.read_exact_at(&mut there, at)?;
        Ok((there == rows).then_some(rows.len() as u64))
    }

    /// One whose disk is full.
    #[cfg(test)]
    pub(in crate::stream) fn that_takes_nothing(path: &Path) -> Self {
        Self::in_place_of(path, Path::new("/dev/full"))
    }

    /// One whose disk takes everything and keeps nothing.
    #[cfg(test)]
    pub(in crate::stream) fn that_keeps_nothing(path: &Path) -> Self {
        Self::in_place_of(path, Path::new("/dev/null"))
    }

    #[cfg(test)]
    fn in_place_of(path: &Path, device: &Path) -> Self {
        let file = OpenOptions::new().read(true).append(true).open(device).expect("it is everywhere");
        let path = path.to_owned();
        Self { path, file, rows: Vec::new(), defuses: false, is_kept: true, is_whole: true, length: 0 }
    }

    fn format_lines(&mut self, lines: &[u8]) -> io::Result<()> {
        let defuses = self.defuses;
        self.format(|writer| {
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                // The spool holds nothing but what was written as a record.
                let Ok(fields) = Fields::split(line) else { continue };
                if defuses {
                    writer.write_record(fields.iter().map(defused))?;
                } else {
                    writer.write_record(fields.iter())?;
                }
            }
            Ok(())
        })
    }

    fn format(
        &mut self,
        write: impl FnOnce(&mut csv::Writer<&mut Vec<u8>>) -> csv::Result<()>,
    ) -> io::Result<()> {
        self.rows.clear();
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(&mut self.rows);
        write(&mut writer).map_err(io::Error::other)?;
        writer.flush()
    }

    /// Gives the rows to the system.
    fn hand_over(&mut self) -> io::Result<()> {
        if !self.is_whole {
            self.close_torn_line()?;
            self.is_whole = true;
        }
        let before = self.file.metadata()?.len();
        self.file.write_all(&self.rows).inspect_err(|_| {
            // Half a row would spoil the next one; what cannot be cut off is closed when something is written again.
            self.is_whole = self.file.set_len(before).is_ok();
        })?;
        self.length = before + self.rows.len() as u64;
        Ok(())
    }

    /// Ends a last line that has no end, and a quote that is open in it.
    fn close_torn_line(&mut self) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        let mut tail = Vec::new();
        let mut reach = 4096.min(length);
        while reach > 0 {
            tail.clear();
            self.file.seek(SeekFrom::Start(length - reach))?;
            (&self.file).take(reach).read_to_end(&mut tail)?;
            if tail.contains(&b'\n') || reach == length || reach >= LONGEST {
                break;
            }
            reach = (reach * 4).min(length);
        }
        let torn = tail.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        if torn.is_empty() {
            return Ok(());
        }
        let quotes = memchr::memchr_iter(b'"', torn).count();
        let end: &[u8] = if quotes.is_multiple_of(2) { b"\n" } else { b"\"\n" };
        tracing::warn!(file = %self.path.display(), "the last line was torn; it is closed");
        self.file.write_all(end)
    }
}

/// The cell, with an apostrophe before what a spreadsheet would run. A number stays one.
fn defused(cell: &[u8]) -> Cow<'_, [u8]> {
    let runs = matches!(cell.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r'));
    let is_number = || std::str::from_utf8(cell).is_ok_and(|text| text.parse::<f64>().is_ok());
    if runs && !is_number() { Cow::Owned([b"'", cell].concat()) } else { Cow::Borrowed(cell) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::record::{COUNT, Format, Line};

    fn line(id: &str, text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let mut line = Line::begin(Format::Tsv, &mut out);
        line.text(id);
        (0..COUNT - 2).for_each(|_| line.absent());
        line.text(text);
        line.end();
        out
    }

    fn rows(path: &Path) -> Vec<csv::StringRecord> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(path).expect("there");
        reader.records().map(|row| row.expect("a row")).collect()
    }

    #[test]
    fn a_file_has_one_header_and_is_appended_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("posts.csv");
        for text in ["say \"hi\", all", "=1+1"] {
            let mut file = CsvFile::open(&path, false).expect("open");
            file.append(&line("1", text)).expect("written");
        }
        let rows = rows(&path);
        assert_eq!(rows.len(), 2);
        assert_eq!((&rows[0][COUNT - 1], &rows[1][COUNT - 1]), ("say \"hi\", all", "=1+1"));
        let text = std::fs::read_to_string(&path).expect("there");
        assert!(text.starts_with("id,geo,coordinates,"));
    }

    #[test]
    fn a_torn_line_does_not_take_the_next_one_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("posts.csv");
        let long = "long ".repeat(10_000);
        for torn in ["1,torn", "1,\"torn, ha", "1,\"torn \"\"ha", "1,\"torn\"", &format!("1,\"{long}")] {
            std::fs::write(&path, format!("id,geo\n{torn}")).expect("written");
            let mut file = CsvFile::open(&path, false).expect("open");
            file.append(&line("2", "whole")).expect("written");
            assert_eq!((rows(&path).len(), &rows(&path)[1][0]), (2, "2"), "{torn:.20}");
        }
    }

    #[test]
    fn what_comes_again_is_cut_away_wherever_it_was_torn_and_what_others_wrote_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("posts.csv");
        let comes = [line("2", "say \"hi\", all"), line("3", "more")].concat();
        let come_again = |compare: &mut dyn FnMut(&[u8], bool) -> bool| {
            comes
                .split_inclusive(|byte| *byte == b'\n')
                .take_while(|line| compare(line, false))
                .for_each(drop);
            Ok(())
        };
        let mut file = CsvFile::open(&path, false).expect("open");
        file.append(&line("1", "known")).expect("written");
        let known = file.length();
        file.append(&comes).expect("written");
        let all = std::fs::read(&path).expect("there");
        let known_bytes = usize::try_from(known).expect("small");
        for torn in known_bytes..all.len() {
            std::fs::write(&path, &all[..torn]).expect("written");
            let mut file = CsvFile::open(&path, false).expect("open");
            let behind = (torn - known_bytes) as u64;
            let expected = if behind == 0 { Behind::Nothing } else { Behind::Cut(behind) };
            assert_eq!(file.cut_back(known, come_again).expect("cut"), expected);
            file.append(&comes).expect("written");
            assert_eq!(std::fs::read(&path).expect("there"), all, "{torn}");
        }
        for others in ["4,by hand\n", "2,by hand\n"] {
            let more = [&all, others.as_bytes()].concat();
            std::fs::write(&path, &more).expect("written");
            let mut file = CsvFile::open(&path, false).expect("open");
            let behind = (more.len() - known_bytes) as u64;
            assert_eq!(file.cut_back(known, come_again).expect("looked at"), Behind::Others(behind));
            assert_eq!(std::fs::read(&path).expect("there"), more);
        }
    }

    #[test]
    fn what_a_spreadsheet_would_run_is_defused_and_numbers_stay() {
        for (cell, safe) in [
            ("=1+1", "'=1+1"),
            ("@user", "'@user"),
            ("-12.5", "-12.5"),
            ("+x", "'+x"),
            ("plain", "plain"),
            ("", ""),
        ] {
            assert_eq!(defused(cell.as_bytes()), safe.as_bytes(), "{cell}");
        }
    }
}
