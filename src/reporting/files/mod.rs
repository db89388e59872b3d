//! Lists as files: CSV and XLSX of any size, made row by row.

mod csv;
mod xlsx;

use bytes::Bytes;
use serde_json::Value;

/// A file under way.
pub enum Writer {
    /// RFC 4180.
    Csv(csv::Writer),
    /// A workbook.
    Xlsx(Box<xlsx::Writer>),
}

impl Writer {
    /// RFC 4180, UTF-8.
    #[must_use]
    pub fn csv() -> Writer {
        Writer::Csv(csv::Writer::default())
    }

    /// A workbook of Excel since 2007.
    ///
    /// # Errors
    /// When it cannot be begun.
    pub fn xlsx() -> std::io::Result<Writer> {
        Ok(Writer::Xlsx(Box::new(xlsx::Writer::new()?)))
    }

    /// Writes a row; the first holds the headings.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn row(&mut self, cells: &[Value]) -> std::io::Result<()> {
        match self {
            Writer::Csv(file) => file.row(cells),
            Writer::Xlsx(file) => file.row(cells),
        }
    }

    /// What is ready to be sent.
    pub fn take(&mut self) -> Bytes {
        match self {
            Writer::Csv(file) => file.take(),
            Writer::Xlsx(file) => file.take(),
        }
    }

    /// The rest.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub fn end(self) -> std::io::Result<Bytes> {
        match self {
            Writer::Csv(mut file) => Ok(file.take()),
            Writer::Xlsx(file) => file.end(),
        }
    }
}

/// A cell as text; of a list its parts with blanks between.
fn text(cell: &Value) -> String {
    match cell {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}
