//! Whose sums they are: every subject has a number, for ever, and is known by its kind and name.

use super::Error;
use crate::domain::ids::Name;
use rusqlite::Connection;
use rustc_hash::FxHashMap;

/// The line of direct calls is a queue that nobody asks for.
pub const LINE: &str = "line";

/// The number of the subject at a place.
pub fn number(place: usize) -> i64 {
    i64::try_from(place + 1).unwrap_or(i64::MAX)
}

/// All subjects of all accounts. A subject's place is its number less one.
#[derive(Default)]
pub struct Subjects {
    known: FxHashMap<(u32, &'static str, Name), usize>,
    streams: Vec<u32>,
    /// What is not in the file yet.
    new: Vec<(usize, &'static str, Name)>,
}

impl Subjects {
    /// As a file has them.
    pub fn read(db: &Connection) -> Result<Subjects, Error> {
        let mut subjects = Subjects::default();
        let mut found =
            db.prepare("SELECT id, stream, kind, name FROM history_subject ORDER BY id")?;
        let mut found = found.query([])?;
        while let Some(row) = found.next()? {
            let (id, stream): (i64, u32) = (row.get(0)?, row.get(1)?);
            let (kind, name): (String, String) = (row.get(2)?, row.get(3)?);
            let place = subjects.streams.len();
            if id != number(place) {
                return Err(Error::Foreign(format!("subject {} is not in the history", place + 1)));
            }
            subjects.streams.push(stream);
            if let Some(kind) = super::Across::parse(&kind).map(super::Across::word) {
                subjects.known.insert((stream, kind, name.into()), place);
            } else if kind == LINE {
                subjects.known.insert((stream, LINE, name.into()), place);
            }
        }
        Ok(subjects)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// The place of one, which is made when there is none.
    pub fn place(&mut self, stream: u32, kind: &'static str, name: &Name) -> usize {
        let key = (stream, kind, Name::clone(name));
        if let Some(place) = self.known.get(&key) {
            return *place;
        }
        let place = self.streams.len();
        self.streams.push(stream);
        self.new.push((place, kind, Name::clone(name)));
        self.known.insert(key, place);
        place
    }

    /// The account that one is of.
    pub fn stream(&self, place: usize) -> u32 {
        self.streams[place]
    }

    /// Writes what is new.
    pub fn write(&self, db: &Connection) -> Result<(), Error> {
        let sql = "INSERT INTO history_subject (id, stream, kind, name) VALUES (?1, ?2, ?3, ?4)";
        let mut insert = db.prepare_cached(sql)?;
        for (place, kind, name) in &self.new {
            insert.execute((number(*place), self.streams[*place], kind, &**name))?;
        }
        Ok(())
    }

    /// It is durable.
    pub fn written(&mut self) {
        self.new.clear();
    }
}
