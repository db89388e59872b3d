//! Sums as bytes: pairs of a code and an amount. Codes belong to the file, which has a name for each:
//! releases may count more things, or in another order.

use super::Error;
use super::schema::signed;
use crate::reporting::figures::{Counts, Open, SUMS, Sum};
use rusqlite::Connection;

/// The code of the longest wait, which is no sum.
const LONGEST: u64 = 0;

/// Which code is which sum's, both ways.
#[derive(Clone, Debug)]
pub struct Codes {
    codes: Vec<u64>,
    sums: Vec<Option<Sum>>,
}

impl Codes {
    /// As a file has them; sums that it does not know yet are passed over by readers.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn read(db: &Connection) -> Result<Codes, Error> {
        let mut codes = Codes { codes: vec![LONGEST; SUMS], sums: vec![None] };
        let mut found = db.prepare("SELECT code, name FROM history_sum ORDER BY code")?;
        let mut found = found.query([])?;
        while let Some(row) = found.next()? {
            let (code, name): (u32, String) = (row.get(0)?, row.get(1)?);
            let sum = (0..SUMS).map(Sum::at).find(|sum| sum.to_string() == name);
            let at = code as usize;
            codes.sums.resize(codes.sums.len().max(at + 1), None);
            codes.sums[at] = sum;
            if let Some(sum) = sum {
                codes.codes[sum.place()] = u64::from(code);
            }
        }
        Ok(codes)
    }

    /// The same for who writes: every sum has a code from now on.
    ///
    /// # Errors
    /// [`Error::Sqlite`].
    pub fn complete(db: &Connection) -> Result<Codes, Error> {
        let known = Codes::read(db)?;
        let new = (0..SUMS).filter(|place| known.codes[*place] == LONGEST);
        for (next, place) in (known.sums.len()..).zip(new) {
            let name = Sum::at(place).to_string();
            db.execute(
                "INSERT INTO history_sum (code, name) VALUES (?1, ?2)",
                (signed(next as u64), name),
            )?;
        }
        Codes::read(db)
    }

    /// Writes counts.
    pub fn encode(&self, counts: &Counts, into: &mut Vec<u8>) {
        into.clear();
        if counts.longest_ms() > 0 {
            put(into, LONGEST);
            put(into, zigzag(i64::try_from(counts.longest_ms()).unwrap_or(i64::MAX)));
        }
        for (sum, amount) in counts.all().filter(|(_, amount)| *amount != 0) {
            put(into, self.codes[sum.place()]);
            put(into, zigzag(amount));
        }
    }

    /// Adds what was written to sums; what it does not know it passes over.
    pub fn decode(&self, bytes: &[u8], into: &mut Open) {
        let mut rest = bytes;
        while let (Some(code), Some(amount)) = (take(&mut rest), take(&mut rest)) {
            let amount = unzigzag(amount);
            if code == LONGEST {
                into.waited(u64::try_from(amount).unwrap_or(0));
                continue;
            }
            let sum = usize::try_from(code).ok().and_then(|code| self.sums.get(code));
            if let Some(sum) = sum.copied().flatten() {
                into.add(sum, amount);
            }
        }
    }
}

pub(super) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Seven bits a byte, the lowest first.
pub(super) fn put(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

pub(super) fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;
    use crate::reporting::figures::Measure;

    #[test]
    fn what_is_written_reads_back_and_codes_stay_with_their_names() {
        let db = schema::open_in_memory().expect("a file");
        db.execute("INSERT INTO history_sum VALUES (7, 'handled'), (9, 'of_another_release')", [])
            .expect("written");
        let codes = Codes::complete(&db).expect("codes");
        let mut counts = Counts::default();
        for (place, amount) in
            (0..SUMS).zip([1, -1, 63, 64, -65, i64::MAX, i64::MIN].into_iter().cycle())
        {
            counts.add(Sum::at(place), amount);
        }
        counts.waited(70_001);
        let (mut bytes, mut open) = (Vec::new(), Open::default());
        codes.encode(&counts, &mut bytes);
        codes.decode(&bytes, &mut open);
        assert_eq!(open.closed(), counts);
        let name: String = db
            .query_row(
                "SELECT name FROM history_sum WHERE code = ?1",
                [signed(codes.codes[Sum::from(Measure::Handled).place()])],
                |row| row.get(0),
            )
            .expect("a name");
        assert_eq!(name, "handled");
        // Of another release: passed over. Half a pair: nothing more.
        let mut open = Open::default();
        codes.decode(&[9, 2, 7, 4, 7], &mut open);
        assert!(open.closed().all().eq([(Measure::Handled.into(), 2)]));
    }
}
