//! What the columns of a file mean, and what a row says by them.

use super::sheet::Line;
use crate::domain::problem::{FieldError, Problem};
use crate::domain::spelling::nearest;
use serde_json::{Map, Value, json};

/// How the text of a cell becomes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// As it stands.
    Text,
    /// true or false.
    Flag,
    /// `a; b; c`
    List,
    /// `spanish: 80; dutch`
    Levels,
}

/// A column's heading and the field that it fills; `id` says which user a row is about.
const COLUMNS: &[(&str, Shape)] = &[
    ("id", Shape::Text),
    ("email", Shape::Text),
    ("first_name", Shape::Text),
    ("last_name", Shape::Text),
    ("role", Shape::Text),
    ("type", Shape::Text),
    ("extension", Shape::Text),
    ("endpoint", Shape::Text),
    ("external_id", Shape::Text),
    ("numbers", Shape::List),
    ("skills", Shape::Levels),
    ("capacity", Shape::Levels),
    ("time_zone", Shape::Text),
    ("schedule", Shape::Text),
    ("domain", Shape::Text),
    ("caller_id", Shape::Text),
    ("caller_ids", Shape::List),
    ("avatar", Shape::Text),
    ("assignment", Shape::Text),
    ("recording", Shape::Text),
    ("crm_updates", Shape::Text),
    ("dispositions", Shape::List),
    ("may_opt", Shape::Flag),
    ("may_use_own_number", Shape::Flag),
    ("may_choose_caller_id", Shape::Flag),
    ("may_edit_offline", Shape::Flag),
    ("may_dial_domains", Shape::Flag),
];

/// Other words for them.
const ALSO: &[(&str, &str)] = &[
    ("e_mail", "email"),
    ("mail", "email"),
    ("e_mail_address", "email"),
    ("email_address", "email"),
    ("user", "id"),
    ("user_id", "id"),
    ("firstname", "first_name"),
    ("given_name", "first_name"),
    ("lastname", "last_name"),
    ("surname", "last_name"),
    ("family_name", "last_name"),
    ("ext", "extension"),
    ("user_type", "type"),
    ("phone", "numbers"),
    ("number", "numbers"),
    ("timezone", "time_zone"),
];

/// The meanings of a file's columns, left to right; `None`: a column without a heading.
#[derive(Debug)]
pub struct Columns(Vec<Option<(&'static str, Shape)>>);

/// The columns, and the rows below them. A file of one column of addresses needs no heading.
///
/// # Errors
/// 422 with each heading that means nothing.
pub fn columns(mut lines: Vec<Line>) -> Result<(Columns, Vec<Line>), Problem> {
    let Some((row, heading)) = lines.first().cloned() else {
        let wrong = FieldError::new("/rows", "required", "the file is empty");
        return Err(Problem::invalid(vec![wrong]));
    };
    if heading.len() == 1 && heading[0].contains('@') {
        return Ok((Columns(vec![Some(("email", Shape::Text))]), lines));
    }
    lines.remove(0);
    let (mut found, mut errors): (Vec<Option<_>>, Vec<FieldError>) = (Vec::new(), Vec::new());
    let known: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    for (at, text) in heading.iter().enumerate() {
        if text.is_empty() {
            found.push(None);
            continue;
        }
        let word: String = text
            .to_lowercase()
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { '_' })
            .collect();
        let word = word.trim_matches('_');
        let word = ALSO.iter().find(|(other, _)| *other == word).map_or(word, |(_, name)| *name);
        let column = COLUMNS.iter().find(|(name, _)| *name == word).copied();
        let place = format!("/rows/{row}/{}", letter(at));
        match column {
            None => {
                let near = nearest(word, &known);
                let remedy = match near {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => format!("known are {}", known.join(", ")),
                };
                let detail = format!("the heading {text:?} means nothing here; {remedy}");
                errors.push(FieldError::new(place, "unknown_field", detail));
            }
            Some(column) if found.contains(&Some(column)) => {
                let detail = format!("the heading {text:?} stands here twice");
                errors.push(FieldError::new(place, "duplicate", detail));
            }
            Some(_) => {}
        }
        found.push(column);
    }
    if errors.is_empty() { Ok((Columns(found), lines)) } else { Err(Problem::invalid(errors)) }
}

/// `A`, `B` … `Z`, `AA`: as spreadsheets name their columns.
fn letter(column: usize) -> String {
    let (first, last) = (column / 26, column % 26);
    let digit = |n: usize| char::from(b'A' + u8::try_from(n).unwrap_or(25));
    if first == 0 {
        digit(last).to_string()
    } else {
        format!("{}{}", digit(first - 1), digit(last))
    }
}

/// What a row says: who it is about, if it says so, and a merge patch of the user. A cell without text
/// says nothing.
pub fn row(
    columns: &Columns,
    cells: &[String],
) -> Result<(Option<String>, Value), Vec<FieldError>> {
    let (mut user, mut fields, mut errors) = (None, Map::new(), Vec::new());
    for (column, cell) in columns.0.iter().zip(cells) {
        let Some((name, shape)) = column else { continue };
        match (cell.is_empty(), *name) {
            (true, _) => {}
            (false, "id") => user = Some(cell.clone()),
            (false, name) => match value(*shape, cell) {
                Ok(value) => _ = fields.insert(name.to_owned(), value),
                Err(detail) => {
                    errors.push(FieldError::new(format!("/{name}"), "malformed", detail))
                }
            },
        }
    }
    if errors.is_empty() { Ok((user, Value::Object(fields))) } else { Err(errors) }
}

/// The column of a field's error, by its heading's letter; of a field that has none, nothing.
pub fn column_of(columns: &Columns, pointer: &str) -> Option<String> {
    let field = pointer.trim_start_matches('/').split('/').next().unwrap_or_default();
    let at = columns.0.iter().position(|c| c.is_some_and(|(name, _)| name == field));
    at.map(letter)
}

fn value(shape: Shape, cell: &str) -> Result<Value, String> {
    let parts = || cell.split([';', '\n', '|']).map(str::trim).filter(|part| !part.is_empty());
    match shape {
        Shape::Text => Ok(cell.into()),
        Shape::List => Ok(parts().collect()),
        Shape::Flag => match cell.to_lowercase().as_str() {
            "true" | "yes" | "1" | "on" => Ok(true.into()),
            "false" | "no" | "0" | "off" => Ok(false.into()),
            _ => Err(format!("must be true or false, not {cell:?}")),
        },
        Shape::Levels => {
            let mut levels = Map::new();
            for part in parts() {
                let (name, level) = match part.split_once([':', '=']) {
                    None => (part, Value::Null),
                    Some((name, level)) => {
                        let number: u32 = level.trim().parse().map_err(|_| {
                            format!("{part:?} must be a name, a colon and a whole number")
                        })?;
                        (name.trim(), json!(number))
                    }
                };
                levels.insert(name.to_owned(), level);
            }
            Ok(Value::Object(levels))
        }
    }
}

/// First and last name as an address tells them: for rows that say nothing but that.
pub fn named_by(email: &str) -> (String, String) {
    let (local, host) = email.split_once('@').unwrap_or((email, ""));
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |c| c.to_uppercase().chain(letters).collect())
    };
    let words = |text: &str, marks: &[char]| -> Vec<String> {
        text.split(marks).filter(|word| !word.is_empty()).map(capital).collect()
    };
    let mut names = words(local, &['.', '_', '-', '+']);
    if names.len() < 2 {
        names.extend(words(host, &['.']).into_iter().next());
    }
    let first = if names.is_empty() { String::new() } else { names.remove(0) };
    (first, names.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rows: &[&[&str]]) -> Vec<Line> {
        let cells = |row: &&[&str]| row.iter().map(|cell| (*cell).to_owned()).collect();
        (1..).zip(rows.iter().map(cells)).collect()
    }

    #[test]
    fn headings_are_known_by_many_names_and_rows_say_what_they_hold() {
        let file: &[&[&str]] = &[
            &["E-Mail", "First name", "", "Skills", "May opt", "Phone", "User ID"],
            &["a@b.test", "Ann", "x", "spanish: 80; dutch", "no", "+1; +2", "usr_a"],
            &["", "", "", "spanish:x", "maybe", "", ""],
        ];
        let (columns, rows) = columns(lines(file)).expect("headings");
        let (user, body) = row(&columns, &rows[0].1).expect("a row");
        assert_eq!(user.as_deref(), Some("usr_a"));
        let wanted = json!({ "email": "a@b.test", "first_name": "Ann", "may_opt": false,
            "numbers": ["+1", "+2"], "skills": { "spanish": 80, "dutch": null } });
        assert_eq!(body, wanted);
        let wrong = row(&columns, &rows[1].1).expect_err("wrong");
        let at: Vec<_> = wrong.iter().map(|e| column_of(&columns, &e.pointer)).collect();
        assert_eq!(at, [Some("D".to_owned()), Some("E".to_owned())]);
        assert_eq!((letter(25), letter(26), letter(99)), ("Z".into(), "AA".into(), "CV".into()));
    }

    #[test]
    fn a_column_of_addresses_needs_no_heading() {
        let (columns, rows) =
            columns(lines(&[&["ann.lee@acme.test"], &["bob@acme.test"]])).expect("read");
        assert_eq!(
            row(&columns, &rows[1].1).expect("a row").1,
            json!({ "email": "bob@acme.test" })
        );
        assert_eq!(named_by("ann.lee@acme.test"), ("Ann".into(), "Lee".into()));
        assert_eq!(named_by("bob@acme.test"), ("Bob".into(), "Acme".into()));
    }

    #[test]
    fn headings_that_mean_nothing_are_told_with_their_place() {
        let wrong = columns(lines(&[&["email", "frist_name", "Email"]])).expect_err("wrong");
        let at: Vec<(&str, &str)> = wrong.errors.iter().map(|e| (&*e.pointer, e.code)).collect();
        assert_eq!(at, [("/rows/1/B", "unknown_field"), ("/rows/1/C", "duplicate")]);
        assert_eq!(columns(Vec::new()).expect_err("empty").errors[0].code, "required");
    }
}
