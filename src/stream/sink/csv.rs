//! Records in a CSV file: a header, quoted where need be, only ever appended to.
//!
//! Lines reach the file whole. A file whose last line a crash tore gets a line end before the next record, so that only
//! the torn line is lost to readers. By setting, cells that a spreadsheet would run as formulas are defused with an
//! apostrophe.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::stream::record::{COLUMNS, Fields};

/// The file.
#[derive(Debug)]
pub struct CsvFile {
    file: File,
    rows: Vec<u8>,
    defuses: bool,
}

impl CsvFile {
    /// Opens a file to append to; a new one gets the header.
    pub fn open(path: &Path, defuses: bool) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let is_new = file.metadata()?.len() == 0;
        if !is_new && !ends_a_line(&mut file)? {
            file.write_all(b"\n")?;
        }
        let mut csv = Self { file, rows: Vec::new(), defuses };
        if is_new {
            csv.format(|writer| writer.write_record(COLUMNS))?;
            csv.hand_over()?;
        }
        Ok(csv)
    }

    /// Adds records, given as their lines: all of them or, after an error, none.
    pub fn append(&mut self, lines: &[u8]) -> io::Result<()> {
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
        })?;
        self.hand_over()
    }

    /// One whose disk is full.
    #[cfg(test)]
    pub(in crate::stream) fn that_takes_nothing() -> Self {
        let file = OpenOptions::new().append(true).open("/dev/full").expect("it is everywhere");
        Self { file, rows: Vec::new(), defuses: false }
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
        let before = self.file.metadata()?.len();
        self.file.write_all(&self.rows).inspect_err(|_| {
            // Half a row would spoil the next one.
            drop(self.file.set_len(before));
        })
    }
}

fn ends_a_line(file: &mut File) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
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
        std::fs::write(&path, "id,geo\n1,torn").expect("written");
        let mut file = CsvFile::open(&path, false).expect("open");
        file.append(&line("2", "whole")).expect("written");
        assert_eq!(&rows(&path)[1][0], "2");
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
