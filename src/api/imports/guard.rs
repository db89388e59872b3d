//! Before a workbook is opened: how large it would become. A zip of ten megabytes may hold ten
//! gigabytes, and two cells of an old workbook may be a sheet's whole width and height apart, for
//! which the library would take memory at once.

use super::sheet::{MOST_COLUMNS, too_much, unreadable};
use crate::domain::import::MOST_ROWS;
use crate::domain::problem::Problem;
use std::io::{Cursor, Read, copy, sink};
use zip::ZipArchive;

/// What the parts of a workbook hold at most, taken together, in bytes.
const MOST_UNPACKED: u64 = 32 << 20;
/// Parts of a workbook at most.
const MOST_PARTS: usize = 1_000;
/// Sheets of an old workbook at most.
const MOST_SHEETS: usize = 100;

/// Unpacks all of it to nowhere: what a zip says of its parts need not be true.
///
/// # Errors
/// 422 `unreadable_file`.
pub fn zip(bytes: &[u8]) -> Result<(), Problem> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(unreadable)?;
    if archive.len() > MOST_PARTS {
        return Err(unreadable(format!("it has more than {MOST_PARTS} parts")));
    }
    let mut left = MOST_UNPACKED;
    for part in 0..archive.len() {
        let part = archive.by_index(part).map_err(unreadable)?;
        let unpacked = copy(&mut part.take(left + 1), &mut sink()).map_err(unreadable)?;
        left = left
            .checked_sub(unpacked)
            .ok_or_else(|| unreadable("unpacked it is larger than 32 MiB; send it in parts"))?;
    }
    Ok(())
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    let pair = bytes.get(at..at.checked_add(2)?)?;
    Some(usize::from(u16::from_le_bytes([pair[0], pair[1]])))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let (low, high) = (u16_at(bytes, at)?, u16_at(bytes, at.checked_add(2)?)?);
    Some(low | high << 16)
}

/// Looks where the cells of all sheets are.
///
/// # Errors
/// 422 `unreadable_file`.
pub fn xls(bytes: &[u8]) -> Result<(), Problem> {
    let stream = workbook(bytes).ok_or_else(|| unreadable("it is no workbook of Excel 97–2003"))?;
    let mut sheets = 0;
    for (kind, data) in (Records { stream: &stream, at: 0 }) {
        if kind == END {
            break;
        }
        if kind == BOUND_SHEET {
            sheets += 1;
            let at = u32_at(data, 0).filter(|at| *at < stream.len());
            let at = at.ok_or_else(|| unreadable("a sheet lies outside of it"))?;
            if sheets > MOST_SHEETS {
                return Err(unreadable(format!("it has more than {MOST_SHEETS} sheets")));
            }
            sheet(Records { stream: &stream, at })?;
        }
    }
    Ok(())
}

const BOUND_SHEET: usize = 0x0085;
const BEGIN: usize = 0x0809;
const END: usize = 0x000A;
const DIMENSIONS: usize = 0x0200;
const MANY_NUMBERS: usize = 0x00BD;
/// Records that begin with a row and a column.
const CELLS: &[usize] =
    &[0x0006, MANY_NUMBERS, 0x00D6, 0x00FD, 0x0201, 0x0203, 0x0204, 0x0205, 0x027E, 0x00BE];

/// The sheet's own records, not those of charts within it.
fn sheet(records: Records<'_>) -> Result<(), Problem> {
    let (mut begun, mut depth) = (false, 0_usize);
    for (kind, data) in records {
        match kind {
            BEGIN if begun => depth += 1,
            BEGIN => begun = true,
            END if depth == 0 => break,
            END => depth -= 1,
            _ if depth > 0 => {}
            DIMENSIONS => {
                let (rows, columns) = match data.len() {
                    10 => (u16_at(data, 2), u16_at(data, 6)),
                    _ => (u32_at(data, 4), u16_at(data, 10)),
                };
                fits(rows.unwrap_or(0), columns.unwrap_or(0))?;
            }
            kind if CELLS.contains(&kind) => {
                let (row, mut column) = (u16_at(data, 0), u16_at(data, 2).unwrap_or(0));
                if kind == MANY_NUMBERS {
                    column += data.len() / 6;
                }
                fits(row.unwrap_or(0) + 1, column + 1)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn fits(rows: usize, columns: usize) -> Result<(), Problem> {
    // Room for the heading, and for blanks at the right that have a format only.
    if rows > MOST_ROWS + 1 || columns > MOST_COLUMNS + 156 { Err(too_much()) } else { Ok(()) }
}

/// Records of a stream: a kind, a length, and so many bytes.
struct Records<'a> {
    stream: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Records<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, length) = (u16_at(self.stream, self.at)?, u16_at(self.stream, self.at + 2)?);
        let data = self.stream.get(self.at + 4..self.at + 4 + length)?;
        self.at += 4 + length;
        Some((kind, data))
    }
}

/// The stream of the workbook in its compound file (MS-CFB). Streams of less than 4 KiB lie elsewhere;
/// no workbook is so small.
fn workbook(bytes: &[u8]) -> Option<Vec<u8>> {
    let header = bytes.get(..512)?;
    let size = match u16_at(header, 30)? {
        9 => 512,
        12 => 4_096,
        _ => return None,
    };
    let sector = |id: usize| bytes.get((id + 1).checked_mul(size)?..(id + 2).checked_mul(size)?);
    // The table of what follows what: further parts of it are needed beyond 7 MB only.
    let mut table = Vec::new();
    for i in 0..109 {
        let id = u32_at(header, 76 + 4 * i)?;
        if let Some(part) = sector(id) {
            table.extend((0..size / 4).filter_map(|at| u32_at(part, at * 4)));
        }
    }
    // The last sector may be cut short.
    let part = |id: usize| {
        let start = (id + 1).checked_mul(size)?;
        bytes.get(start..bytes.len().min(start + size))
    };
    let chain = |first: usize| {
        let (mut data, mut id) = (Vec::new(), first);
        for _ in 0..=table.len() {
            let Some(part) = part(id) else { break };
            data.extend_from_slice(part);
            match table.get(id) {
                Some(next) => id = *next,
                None => break,
            }
        }
        data
    };
    let entries = chain(u32_at(header, 48)?);
    // Whichever the library takes: the first of the one name, else of the other.
    let named = |name: &str| {
        entries.chunks_exact(128).find(|entry| {
            let units = entry[..64].chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]]));
            let text: String =
                char::decode_utf16(units.take_while(|unit| *unit != 0)).flatten().collect();
            text.eq_ignore_ascii_case(name)
        })
    };
    let entry = named("Workbook").or_else(|| named("Book"))?;
    let length = u32_at(entry, 120)?;
    if length < 4_096 {
        return None;
    }
    let mut stream = chain(u32_at(entry, 116)?);
    stream.truncate(length);
    Some(stream)
}
