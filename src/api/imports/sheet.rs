//! The cells of a file that somebody sent: text, with bounds on everything. What opens such files is
//! not ours, so that [`super::guard`] looks first whether a small file would become a large one.

use super::guard;
use crate::domain::import::MOST_ROWS;
use crate::domain::problem::Problem;
use calamine::{Data, DataRef, Reader, Xls, Xlsx};
use std::io::Cursor;

/// Columns at most.
pub const MOST_COLUMNS: usize = 100;
/// A cell's text at most, in bytes.
const MOST_CELL: usize = 4_096;

/// The kinds of files, by their media types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Comma (or semicolon, or tab) separated, UTF-8.
    Csv,
    /// Excel since 2007.
    Xlsx,
    /// Excel before.
    Xls,
}

impl Kind {
    /// Each with its media type.
    pub const ALL: &'static [(&'static str, Kind)] = &[
        ("text/csv", Kind::Csv),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Kind::Xlsx),
        ("application/vnd.ms-excel", Kind::Xls),
    ];
}

/// A row's number in the file, from 1, and its cells.
pub type Line = (u32, Vec<String>);

/// The rows of the first sheet that are not empty.
///
/// # Errors
/// 422 `unreadable_file`, with why.
pub fn read(kind: Kind, bytes: &[u8]) -> Result<Vec<Line>, Problem> {
    let mut lines = match kind {
        Kind::Csv => csv(bytes)?,
        Kind::Xlsx => xlsx(bytes)?,
        Kind::Xls => xls(bytes)?,
    };
    lines.retain(|(_, cells)| cells.iter().any(|cell| !cell.is_empty()));
    Ok(lines)
}

/// What cannot be read, and why.
pub fn unreadable(why: impl std::fmt::Display) -> Problem {
    Problem::new(422, "unreadable_file", format!("the file cannot be read: {why}"))
}

/// There are too many of something.
pub fn too_much() -> Problem {
    unreadable(format!(
        "it has more than {MOST_ROWS} rows below its headings, {MOST_COLUMNS} columns, or {MOST_CELL} \
         bytes in a cell; send it in parts"
    ))
}

/// Cells as they come, in any order.
#[derive(Default)]
struct Grid(Vec<Vec<String>>);

impl Grid {
    fn put(&mut self, row: usize, column: usize, text: String) -> Result<(), Problem> {
        let text = text.trim();
        // The headings are a row, too.
        if row > MOST_ROWS || column >= MOST_COLUMNS || text.len() > MOST_CELL {
            // Blank cells far away, as of a format, are no content.
            return if text.is_empty() { Ok(()) } else { Err(too_much()) };
        }
        if text.is_empty() {
            return Ok(());
        }
        if self.0.len() <= row {
            self.0.resize(row + 1, Vec::new());
        }
        let cells = &mut self.0[row];
        if cells.len() <= column {
            cells.resize(column + 1, String::new());
        }
        cells[column] = text.to_owned();
        Ok(())
    }

    fn lines(self) -> Vec<Line> {
        (1..).zip(self.0).collect()
    }
}

fn csv(bytes: &[u8]) -> Result<Vec<Line>, Problem> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| unreadable("it is not UTF-8; save it as \"CSV UTF-8\""))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let heading = text.lines().next().unwrap_or_default();
    let count = |mark: char| heading.matches(mark).count();
    let mark = [',', ';', '\t'].into_iter().rev().max_by_key(|mark| count(*mark)).unwrap_or(',');
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(u8::try_from(mark).unwrap_or(b','))
        .from_reader(text.as_bytes());
    let mut grid = Grid::default();
    for (row, record) in reader.records().enumerate() {
        for (column, cell) in record.map_err(unreadable)?.iter().enumerate() {
            grid.put(row, column, cell.to_owned())?;
        }
    }
    Ok(grid.lines())
}

/// Cell by cell: a sheet may claim a million rows.
fn xlsx(bytes: &[u8]) -> Result<Vec<Line>, Problem> {
    guard::zip(bytes)?;
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(unreadable)?;
    let name = book.sheet_names().first().cloned().ok_or_else(|| unreadable("it has no sheet"))?;
    let mut cells = book.worksheet_cells_reader(&name).map_err(unreadable)?;
    let mut grid = Grid::default();
    while let Some(cell) = cells.next_cell().map_err(unreadable)? {
        let (row, column) = cell.get_position();
        let text = match cell.get_value() {
            DataRef::SharedString(text) => (*text).to_owned(),
            other => told(&Data::from(other.clone())),
        };
        grid.put(row as usize, column as usize, text)?;
    }
    Ok(grid.lines())
}

fn xls(bytes: &[u8]) -> Result<Vec<Line>, Problem> {
    guard::xls(bytes)?;
    let mut book: Xls<_> = Xls::new(Cursor::new(bytes)).map_err(unreadable)?;
    let name = book.sheet_names().first().cloned().ok_or_else(|| unreadable("it has no sheet"))?;
    let range = book.worksheet_range(&name).map_err(unreadable)?;
    let (top, left) = range.start().unwrap_or_default();
    let mut grid = Grid::default();
    for (row, column, value) in range.used_cells() {
        grid.put(row + top as usize, column + left as usize, told(value))?;
    }
    Ok(grid.lines())
}

/// A cell as a person reads it: an extension that is a number has no decimal point.
fn told(value: &Data) -> String {
    match value {
        Data::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            format!("{number:.0}")
        }
        Data::Bool(flag) => flag.to_string(),
        Data::Empty | Data::Error(_) => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separated_values_are_read_by_the_mark_of_their_headings() {
        let lines = |text: &str| read(Kind::Csv, text.as_bytes()).expect("read");
        let two = vec![
            (1, vec!["a".to_owned(), "b".to_owned()]),
            (3, vec!["1".to_owned(), "x, y".to_owned()]),
        ];
        for text in ["a,b\n,\n1,\"x, y\"\n", "\u{feff}a;b\r\n;\r\n1;x, y\r\n", "a\tb\n\t\n1\tx, y"]
        {
            assert_eq!(lines(text), two, "{text:?}");
        }
        assert!(lines("").is_empty());
        assert_eq!(read(Kind::Csv, b"\xff\xfe").expect_err("no text").code, "unreadable_file");
        let wide = "a,".repeat(MOST_COLUMNS + 1);
        assert!(read(Kind::Csv, wide.as_bytes()).is_err());
        let long = format!("email\n{}", "a@b.test\n".repeat(MOST_ROWS));
        assert_eq!(lines(&long).len(), MOST_ROWS + 1);
        assert!(read(Kind::Csv, format!("{long}c@d.test\n").as_bytes()).is_err());
    }

    /// Workbooks with some bytes changed: whatever comes of it comes as an answer, in bounded memory. (A
    /// panic of the reader's ends its own thread only; here as there.)
    #[test]
    fn damaged_workbooks_end_in_an_answer() {
        use rand::{RngExt, SeedableRng};
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/imports");
        let mut dice = rand_pcg::Pcg64::seed_from_u64(7);
        for (kind, name) in [(Kind::Xls, "people.xls"), (Kind::Xlsx, "people.xlsx")] {
            let sound = std::fs::read(folder.join(name)).expect("a fixture");
            for _ in 0..600 {
                let mut bytes = sound.clone();
                for _ in 0..dice.random_range(1..8) {
                    let at = dice.random_range(0..bytes.len());
                    bytes[at] = [0, 1, 0x7f, 0xff, dice.random()][dice.random_range(0..5)];
                }
                // The guard itself never panics.
                _ = guard::xls(&bytes);
                _ = guard::zip(&bytes);
                _ = std::thread::spawn(move || read(kind, &bytes).is_ok()).join();
            }
        }
    }

    #[test]
    fn what_is_no_workbook_is_refused() {
        for kind in [Kind::Xls, Kind::Xlsx] {
            for bytes in [&b""[..], b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", &[0; 4_096]]
            {
                assert_eq!(read(kind, bytes).expect_err("no workbook").code, "unreadable_file");
            }
        }
    }
}
