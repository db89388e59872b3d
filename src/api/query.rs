//! Query fields, checked as strictly as bodies: every wrong or unknown one is told.

use crate::domain::problem::{FieldError, Problem};
use crate::domain::spelling::nearest;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Items of a page when the query says nothing.
pub const PAGE: usize = 100;
/// Items of a page at most.
pub const MOST_ITEMS: usize = 1_000;

/// The query of one request.
#[derive(Debug)]
pub struct Queries {
    fields: BTreeMap<String, String>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl Queries {
    /// Reads `a=1&b=2`.
    ///
    /// # Errors
    /// 422 when it is no such text, or a field stands in it twice.
    pub fn read(query: &str) -> Result<Queries, Problem> {
        let mut fields = BTreeMap::new();
        let mut errors = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decoded(name), decoded(value)) else {
                let detail = "must be UTF-8, percent-encoded";
                errors.push(FieldError::new(name, "malformed", detail));
                continue;
            };
            if fields.insert(name.clone(), value).is_some() {
                errors.push(FieldError::new(name, "duplicate", "stands in the query twice"));
            }
        }
        if !errors.is_empty() {
            return Err(Problem::invalid(errors));
        }
        Ok(Queries { fields, known: Vec::new(), errors })
    }

    /// A text.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        self.fields.get(name).cloned()
    }

    /// A whole number within a range.
    pub fn int<T>(&mut self, name: &'static str, range: RangeInclusive<T>) -> Option<T>
    where
        T: Copy + FromStr + PartialOrd + Display,
    {
        let text = self.text(name)?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let detail = format!(
                "must be a whole number from {} to {}; {text:?} is not",
                range.start(),
                range.end()
            );
            self.errors.push(FieldError::new(name, "out_of_range", detail));
        }
        number
    }

    /// True or false; false when left out.
    pub fn flag(&mut self, name: &'static str) -> bool {
        match self.text(name).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => {
                let detail = format!("must be true or false; {other:?} is neither");
                self.errors.push(FieldError::new(name, "unknown_value", detail));
                false
            }
        }
    }

    /// True or false, when it was sent.
    pub fn flag_or_none(&mut self, name: &'static str) -> Option<bool> {
        self.fields.contains_key(name).then(|| self.flag(name)).or_else(|| {
            self.known.push(name);
            None
        })
    }

    /// One of several words.
    pub fn word<T: Copy + Display>(
        &mut self,
        name: &'static str,
        parse: fn(&str) -> Option<T>,
        all: &[T],
    ) -> Option<T> {
        let text = self.text(name)?;
        let word = parse(&text);
        if word.is_none() {
            let words: Vec<String> = all.iter().map(ToString::to_string).collect();
            let detail = format!("must be one of {}; {text:?} is not", words.join(", "));
            self.errors.push(FieldError::new(name, "unknown_value", detail));
        }
        word
    }

    /// `limit` and `cursor` of a list.
    pub fn page(&mut self) -> (usize, Option<String>) {
        let limit = self.int("limit", 1..=MOST_ITEMS).unwrap_or(PAGE);
        (limit, self.text("cursor"))
    }

    /// Notes a wrong field.
    pub fn wrong(&mut self, name: &str, code: &'static str, detail: impl Into<String>) {
        self.errors.push(FieldError::new(name, code, detail));
    }

    /// Ends: everything that was sent must have been read.
    ///
    /// # Errors
    /// 422 with every wrong and every unknown field.
    pub fn done(mut self) -> Result<(), Problem> {
        for name in self.fields.keys().filter(|name| !self.known.contains(&name.as_str())) {
            let detail = match (nearest(name, &self.known), self.known.as_slice()) {
                (Some(near), _) => format!("is no query field here; did you mean {near}?"),
                (None, []) => "this takes no query fields".to_owned(),
                (None, known) => format!("is no query field here; known are {}", known.join(", ")),
            };
            self.errors.push(FieldError::new(name.clone(), "unknown_field", detail));
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }
}

/// Undoes percent-encoding; a plus sign is a blank.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_the_rest_is_refused_by_name() {
        let mut query = Queries::read("limit=5&cursor=a%2Fb+c").expect("is right");
        assert_eq!(query.page(), (5, Some("a/b c".to_owned())));
        assert!(query.done().is_ok());
        let mut query = Queries::read("limt=5&dry_run=yes&limit=0").expect("reads");
        query.page();
        query.flag("dry_run");
        let problem = query.done().expect_err("is wrong");
        let told: Vec<_> = problem.errors.iter().map(|e| (&*e.pointer, e.code)).collect();
        assert_eq!(
            told,
            [("limit", "out_of_range"), ("dry_run", "unknown_value"), ("limt", "unknown_field")]
        );
        assert!(problem.errors[2].detail.contains("did you mean limit?"));
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for wrong in ["a=%", "a=%zz", "a=%ff", "a=1&a=2"] {
            assert_eq!(Queries::read(wrong).map_err(|p| p.status).err(), Some(422), "{wrong}");
        }
    }
}
