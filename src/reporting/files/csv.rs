//! CSV as RFC 4180 has it.

use super::text;
use bytes::Bytes;
use serde_json::Value;
use std::borrow::Cow;

/// A file under way.
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Writes a row.
    pub fn row(&mut self, cells: &[Value]) -> std::io::Result<()> {
        let mut file = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(std::mem::take(&mut self.0));
        file.write_record(cells.iter().map(text).map(|cell| harmless(&cell).into_owned()))?;
        self.0 = file.into_inner().map_err(|error| error.into_error())?;
        Ok(())
    }

    /// What was written since.
    pub fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.0).into()
    }
}

/// Programs of tables take a text with such a beginning for a formula. Numbers with a sign are none.
fn harmless(cell: &str) -> Cow<'_, str> {
    let is_number = || cell[1..].bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match cell.as_bytes().first() {
        Some(b'=' | b'@' | b'\t' | b'\r') => format!("'{cell}").into(),
        Some(b'+' | b'-') if !is_number() => format!("'{cell}").into(),
        _ => cell.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_needs_quotes_has_them_and_no_cell_is_a_formula() {
        let mut file = Writer::default();
        file.row(&[json!("a,b"), json!("say \"hi\"\n"), json!(null), json!(1.5)]).expect("a row");
        file.row(&[json!("=1+1"), json!("+1555"), json!("-x"), json!(["a", "b"])]).expect("a row");
        assert_eq!(file.take(), "\"a,b\",\"say \"\"hi\"\"\n\",,1.5\r\n'=1+1,+1555,'-x,a b\r\n");
        assert_eq!(file.take(), "");
    }
}
