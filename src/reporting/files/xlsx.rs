//! A workbook written as a stream: rows go into the archive as they come, and nothing of them is kept.
//! A sheet has 1,048,576 rows; what is more goes on in the next.

use super::text;
use bytes::Bytes;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, StreamWriter, ZipWriter};

/// Rows of a sheet at most, headings included.
const MOST_ROWS: usize = 1_048_576;

const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const TYPES: &str = "http://schemas.openxmlformats.org/package/2006/content-types";
const SHEET: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";

/// What the archive has written, and nobody has taken yet.
#[derive(Clone, Default)]
struct Out(Arc<Mutex<Vec<u8>>>);

impl Out {
    fn take(&self) -> Bytes {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A workbook under way.
pub struct Writer {
    out: Out,
    zip: ZipWriter<StreamWriter<Out>>,
    sheets: usize,
    rows: usize,
    most: usize,
    headings: Option<Vec<Value>>,
    xml: String,
}

impl Writer {
    /// The first row is the headings, which each sheet begins with.
    pub fn new() -> io::Result<Writer> {
        Writer::with_most(MOST_ROWS)
    }

    fn with_most(most: usize) -> io::Result<Writer> {
        let out = Out::default();
        let zip = ZipWriter::new_stream(out.clone());
        let xml = String::new();
        let mut file = Writer { out, zip, sheets: 0, rows: 0, most, headings: None, xml };
        file.sheet()?;
        Ok(file)
    }

    fn part(&mut self, name: &str, content: &str) -> io::Result<()> {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        // Sizes stand behind a part: a large one needs the longer form.
        self.zip.start_file(name, options.large_file(true))?;
        self.zip.write_all(content.as_bytes())
    }

    fn sheet(&mut self) -> io::Result<()> {
        (self.sheets, self.rows) = (self.sheets + 1, 0);
        let begin = format!("{XML}<worksheet xmlns=\"{MAIN}\"><sheetData>");
        self.part(&format!("xl/worksheets/sheet{}.xml", self.sheets), &begin)
    }

    fn end_sheet(&mut self) -> io::Result<()> {
        self.zip.write_all(b"</sheetData></worksheet>")
    }

    /// Writes a row.
    pub fn row(&mut self, cells: &[Value]) -> io::Result<()> {
        if self.rows == self.most {
            self.end_sheet()?;
            self.sheet()?;
            let headings = self.headings.clone();
            headings.iter().try_for_each(|headings| self.write(headings))?;
        }
        if self.headings.is_none() {
            self.headings = Some(cells.to_vec());
        }
        self.write(cells)
    }

    fn write(&mut self, cells: &[Value]) -> io::Result<()> {
        self.rows += 1;
        self.xml.clear();
        self.xml.push_str("<row>");
        cells.iter().for_each(|cell| push(&mut self.xml, cell));
        self.xml.push_str("</row>");
        self.zip.write_all(self.xml.as_bytes())
    }

    /// What was written since.
    pub fn take(&mut self) -> Bytes {
        self.out.take()
    }

    /// Ends the archive with what tells of its sheets.
    pub fn end(mut self) -> io::Result<Bytes> {
        self.end_sheet()?;
        let (mut types, mut sheets, mut relations) = (String::new(), String::new(), String::new());
        for no in 1..=self.sheets {
            let _ = write!(
                types,
                "<Override PartName=\"/xl/worksheets/sheet{no}.xml\" ContentType=\"{SHEET}.worksheet+xml\"/>"
            );
            let _ = write!(sheets, "<sheet name=\"Sheet{no}\" sheetId=\"{no}\" r:id=\"rId{no}\"/>");
            let _ = write!(
                relations,
                "<Relationship Id=\"rId{no}\" Type=\"{OFFICE}/worksheet\" Target=\"worksheets/sheet{no}.xml\"/>"
            );
        }
        let book = format!(
            "{XML}<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets>{sheets}</sheets></workbook>"
        );
        self.part("xl/workbook.xml", &book)?;
        let relations =
            format!("{XML}<Relationships xmlns=\"{RELATIONS}\">{relations}</Relationships>");
        self.part("xl/_rels/workbook.xml.rels", &relations)?;
        let root = format!(
            "{XML}<Relationships xmlns=\"{RELATIONS}\"><Relationship Id=\"rId1\" \
             Type=\"{OFFICE}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
        );
        self.part("_rels/.rels", &root)?;
        let types = format!(
            "{XML}<Types xmlns=\"{TYPES}\"><Default Extension=\"rels\" \
             ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
             <Default Extension=\"xml\" ContentType=\"application/xml\"/>\
             <Override PartName=\"/xl/workbook.xml\" ContentType=\"{SHEET}.sheet.main+xml\"/>{types}</Types>"
        );
        self.part("[Content_Types].xml", &types)?;
        self.zip.finish()?;
        Ok(self.out.take())
    }
}

fn push(xml: &mut String, cell: &Value) {
    match cell {
        Value::Null => xml.push_str("<c/>"),
        Value::Number(number) => {
            let _ = write!(xml, "<c><v>{number}</v></c>");
        }
        Value::Bool(yes) => {
            let _ = write!(xml, "<c t=\"b\"><v>{}</v></c>", u8::from(*yes));
        }
        other => {
            xml.push_str("<c t=\"inlineStr\"><is><t xml:space=\"preserve\">");
            for c in text(other).chars() {
                match c {
                    '<' => xml.push_str("&lt;"),
                    '>' => xml.push_str("&gt;"),
                    '&' => xml.push_str("&amp;"),
                    // XML has no way to write the others.
                    c if c >= ' ' || matches!(c, '\t' | '\n' | '\r') => xml.push(c),
                    _ => xml.push('\u{fffd}'),
                }
            }
            xml.push_str("</t></is></c>");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calamine::{Data, Reader, Xlsx};
    use serde_json::json;
    use std::io::Cursor;

    #[test]
    fn a_workbook_reads_back_and_goes_on_in_the_next_sheet() {
        let mut file = Writer::with_most(3).expect("a workbook");
        file.row(&[json!("name"), json!("n")]).expect("headings");
        let mut bytes = Vec::new();
        for n in 0..4 {
            file.row(&[json!(format!("<a & \"b\" {n}> \u{1}")), json!(n)]).expect("a row");
            bytes.extend(file.take());
        }
        bytes.extend(file.end().expect("the end"));
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).expect("a workbook");
        assert_eq!(book.sheet_names(), ["Sheet1", "Sheet2"]);
        for (sheet, first) in [("Sheet1", 0), ("Sheet2", 2)] {
            let range = book.worksheet_range(sheet).expect("a sheet");
            let rows: Vec<_> = range.rows().collect();
            assert_eq!(rows.len(), 3, "{sheet}");
            assert_eq!(rows[0], [Data::String("name".into()), Data::String("n".into())]);
            let name = format!("<a & \"b\" {first}> \u{fffd}");
            assert_eq!(rows[1], [Data::String(name), Data::Float(f64::from(first))]);
        }
    }
}
