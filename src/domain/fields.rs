//! Reads a JSON object field by field and collects every wrong one, so that a caller who sent five
//! mistakes is told five. Reading never stops early: a wrong field yields a stand-in, and
//! [`Fields::done`] gives the value out only when nothing was wrong.

use crate::domain::json::{Json, Look};
use crate::domain::pointer::Pointer;
use crate::domain::problem::FieldError;
use crate::domain::spelling::nearest;
use crate::domain::time::Millis;
use serde_json::{Map, Value};
use std::fmt::Display;
use std::ops::RangeInclusive;

/// What a text must be, in words and as a check.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Completes "must be …".
    pub must_be: &'static str,
    /// Whether a text keeps the rule.
    pub holds: fn(&str) -> bool,
}

/// A label for people.
pub const LABEL: Rule = Rule {
    must_be: "1 to 100 characters, none of them a control character, not only blanks",
    holds: |text| {
        (1..=100).contains(&text.chars().count())
            && !text.chars().any(char::is_control)
            && !text.trim().is_empty()
    },
};

/// A chosen id.
pub const ID: Rule =
    Rule { must_be: "an id: [a-z0-9][a-z0-9_-]{0,62}", holds: crate::domain::ids::is_name };

/// A user's id.
pub const USER_ID: Rule =
    Rule { must_be: "a user's id: usr_[a-z0-9_-]{1,59}", holds: crate::domain::ids::is_user_name };

/// An extension.
pub const EXTENSION: Rule = Rule {
    must_be: "3 to 6 digits",
    holds: |text| (3..=6).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit()),
};

/// A number that a switch dials or was dialled.
pub const NUMBER: Rule = Rule {
    must_be: "1 to 64 printable ASCII characters without blanks",
    holds: |text| (1..=64).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_graphic()),
};

/// One JSON object that is being read.
pub struct Fields<'a, J = Value> {
    /// `None` when it has no fields.
    body: Option<&'a J>,
    is_object: bool,
    at: Pointer,
    /// What was asked for; a name may stand here twice.
    known: Vec<&'static str>,
    open: bool,
    errors: Vec<FieldError>,
}

impl<'a, J: Json> Fields<'a, J> {
    /// Begins to read a whole body.
    #[must_use]
    pub fn of(body: &'a J) -> Fields<'a, J> {
        Fields::under(body, Pointer::ROOT)
    }

    /// Begins to read an object that stands at the pointer `at`.
    #[must_use]
    pub fn under(value: &'a J, at: Pointer) -> Fields<'a, J> {
        let is_object = matches!(value.look(), Look::Object);
        // Room for an event's fields, the commonest of all bodies.
        let known = Vec::with_capacity(if is_object { 16 } else { 0 });
        let body = is_object.then_some(value);
        let mut fields = Fields { body, is_object, at, known, open: false, errors: Vec::new() };
        if !is_object {
            let detail = format!("must be a JSON object, not {}", kind_of(value));
            fields.errors.push(FieldError::new(fields.at.to_string(), "type", detail));
        }
        fields
    }

    /// An object without fields, at the pointer `at`: it was left out.
    #[must_use]
    pub fn empty(at: Pointer) -> Fields<'a, J> {
        let (known, errors) = (Vec::new(), Vec::new());
        Fields { body: None, is_object: true, at, known, open: false, errors }
    }

    /// Unknown fields are let through (events of switches).
    #[must_use]
    pub fn open(mut self) -> Fields<'a, J> {
        self.open = true;
        self
    }

    /// Ends: the value, or every wrong field.
    ///
    /// # Errors
    /// Every wrong or unknown field.
    pub fn done<T>(mut self, value: T) -> Result<T, Vec<FieldError>> {
        self.close();
        if self.errors.is_empty() { Ok(value) } else { Err(self.errors) }
    }

    fn close(&mut self) {
        if self.open {
            return;
        }
        let unread = self.unread();
        if unread.is_empty() {
            return;
        }
        // Some were asked for twice.
        let mut known: Vec<&'static str> = Vec::new();
        for name in &self.known {
            if !known.contains(name) {
                known.push(name);
            }
        }
        for (name, _) in unread {
            let detail = match nearest(name, &known) {
                Some(near) => format!("there is no field {name:?} here; did you mean {near:?}?"),
                None => {
                    format!("there is no field {name:?} here; known are {}", known.join(", "))
                }
            };
            self.errors.push(FieldError::new(self.at.key(name), "unknown_field", detail));
        }
    }

    /// The pointer of a field of this object.
    #[must_use]
    pub fn pointer(&self, name: &'static str) -> Pointer {
        self.at.field(name)
    }

    /// Notes that a field is wrong.
    pub fn wrong(&mut self, name: &str, code: &'static str, detail: impl Into<String>) {
        self.errors.push(FieldError::new(self.at.key(name), code, detail));
    }

    /// Notes that this object as a whole is wrong. Said once: a body that is no object has been
    /// told so.
    pub fn wrong_here(&mut self, code: &'static str, detail: impl Into<String>) {
        if self.is_object {
            self.errors.push(FieldError::new(self.at.to_string(), code, detail));
        }
    }

    /// Takes over the errors of a part that was read elsewhere.
    pub fn wrong_all(&mut self, errors: Vec<FieldError>) {
        self.errors.extend(errors);
    }

    /// The field as it is; it counts as known from now on.
    pub fn raw(&mut self, name: &'static str) -> Option<&'a J> {
        self.known.push(name);
        self.body.and_then(|body| body.field(name))
    }

    /// The fields that nobody has asked for so far, by name.
    #[must_use]
    pub fn unread(&self) -> Vec<(&'a str, &'a J)> {
        let Some(body) = self.body else { return Vec::new() };
        body.sorted_fields(|name| !self.known.contains(&name))
    }

    /// Whether the field was sent and is not null.
    pub fn is_set(&mut self, name: &'static str) -> bool {
        self.raw(name).is_some_and(|value| !value.is_null())
    }

    /// A field that this version refuses, saying when it comes. Null and false are let through.
    pub fn not_yet(&mut self, name: &'static str, what: &str) {
        let Some(sent) = self.body.and_then(|body| body.field(name)) else { return };
        self.raw(name);
        if !matches!(sent.look(), Look::Null | Look::Bool(false)) {
            self.wrong(name, "not_yet", not_yet(what));
        }
    }

    fn type_error(&mut self, name: &str, wanted: &str, found: &J) {
        let detail = format!("must be {wanted}, not {}", kind_of(found));
        self.wrong(name, "type", detail);
    }

    /// A required text.
    pub fn text(&mut self, name: &'static str, rule: Rule) -> String {
        self.text_there(name, rule).to_owned()
    }

    /// A required text, where it stands.
    pub fn text_there(&mut self, name: &'static str, rule: Rule) -> &'a str {
        match self.raw(name) {
            None => {
                self.missing(name, rule.must_be);
                ""
            }
            Some(value) => self.text_of(name, rule, value),
        }
    }

    /// The text that a field holds; null is refused.
    fn text_of(&mut self, name: &'static str, rule: Rule, value: &'a J) -> &'a str {
        if value.is_null() {
            self.type_error(name, "a text", value);
        }
        self.text_of_or_null(name, rule, value).unwrap_or_default()
    }

    /// Notes that a required field was left out. `must_be` says what it holds.
    pub fn missing(&mut self, name: &str, must_be: &str) {
        // A body that is no object at all has been told so already.
        if self.is_object {
            self.wrong(name, "required", format!("is required: {must_be}"));
        }
    }

    /// A text with a default; null is refused.
    pub fn text_or(&mut self, name: &'static str, rule: Rule, default: &str) -> String {
        match self.raw(name) {
            None => default.to_owned(),
            Some(value) => self.text_of(name, rule, value).to_owned(),
        }
    }

    /// A text that may be null or left out.
    pub fn text_or_null(&mut self, name: &'static str, rule: Rule) -> Option<String> {
        let value = self.raw(name)?;
        self.text_of_or_null(name, rule, value).map(str::to_owned)
    }

    fn text_of_or_null(&mut self, name: &'static str, rule: Rule, value: &'a J) -> Option<&'a str> {
        match value.look() {
            Look::Null => None,
            Look::Text(text) if (rule.holds)(text) => Some(text),
            Look::Text(text) => {
                let detail = format!("must be {}; {} is not", rule.must_be, shown(text));
                self.wrong(name, "malformed", detail);
                None
            }
            _ => {
                self.type_error(name, "a text", value);
                None
            }
        }
    }

    /// A whole number within a range, with a default; null is refused.
    pub fn int<T>(&mut self, name: &'static str, range: RangeInclusive<T>, default: T) -> T
    where
        T: Copy + TryFrom<i64> + PartialOrd + Display,
    {
        match self.raw(name) {
            None => default,
            Some(null) if null.is_null() => {
                self.type_error(name, "a whole number", null);
                default
            }
            Some(_) => self.int_or_null(name, range, None).unwrap_or(default),
        }
    }

    /// A whole number within a range; null is a value, left out is the default.
    pub fn int_or_null<T>(
        &mut self,
        name: &'static str,
        range: RangeInclusive<T>,
        default: Option<T>,
    ) -> Option<T>
    where
        T: Copy + TryFrom<i64> + PartialOrd + Display,
    {
        let value = match self.raw(name) {
            None => return default,
            Some(null) if null.is_null() => return None,
            Some(value) => value,
        };
        match whole(value, &range) {
            Ok(number) => Some(number),
            Err((code, detail)) => {
                self.wrong(name, code, detail);
                None
            }
        }
    }

    /// True or false, with a default.
    pub fn flag(&mut self, name: &'static str, default: bool) -> bool {
        let Some(value) = self.raw(name) else { return default };
        let Look::Bool(flag) = value.look() else {
            self.type_error(name, "true or false", value);
            return default;
        };
        flag
    }

    /// One of a set of words, with a default.
    pub fn word<T: Copy + Display>(
        &mut self,
        name: &'static str,
        parse: fn(&str) -> Option<T>,
        all: &[T],
        default: T,
    ) -> T {
        match self.raw(name) {
            None => default,
            Some(null) if null.is_null() => {
                self.type_error(name, &one_of(all), null);
                default
            }
            Some(_) => self.word_or_null(name, parse, all).unwrap_or(default),
        }
    }

    /// One of a set of words; null or left out is none.
    pub fn word_or_null<T: Copy + Display>(
        &mut self,
        name: &'static str,
        parse: fn(&str) -> Option<T>,
        all: &[T],
    ) -> Option<T> {
        let value = self.raw(name)?;
        match value.look() {
            Look::Null => None,
            Look::Text(word) => {
                let found = parse(word);
                if found.is_none() {
                    let detail = format!("must be {}; {} is not", one_of(all), shown(word));
                    self.wrong(name, "unknown_value", detail);
                }
                found
            }
            _ => {
                self.type_error(name, &one_of(all), value);
                None
            }
        }
    }

    /// An RFC 3339 instant; null or left out is none.
    pub fn instant_or_null(&mut self, name: &'static str) -> Option<Millis> {
        let value = self.raw(name)?;
        match value.look() {
            Look::Null => None,
            Look::Text(text) => match Millis::parse_rfc3339(text) {
                Ok(at) => Some(at),
                Err(why) => {
                    let detail = format!("must be an instant such as 2026-11-21T20:00:00Z: {why}");
                    self.wrong(name, "malformed", detail);
                    None
                }
            },
            _ => {
                self.type_error(name, "an RFC 3339 instant", value);
                None
            }
        }
    }

    /// An object; null or left out is none. What is wrong inside is collected with the rest.
    pub fn nested<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Fields<'a, J>) -> T,
    ) -> Option<T> {
        let value = self.raw(name)?;
        if value.is_null() {
            return None;
        }
        let at = self.pointer(name);
        Some(self.part(value, at, read))
    }

    /// Reads an object that stands somewhere inside this one.
    pub fn part<T>(
        &mut self,
        value: &'a J,
        at: Pointer,
        read: impl FnOnce(&mut Fields<'a, J>) -> T,
    ) -> T {
        let mut inner = Fields::under(value, at);
        inner.open = self.open;
        let read = read(&mut inner);
        inner.close();
        self.errors.append(&mut inner.errors);
        read
    }

    /// A list of at most `most` items; null or left out is empty.
    pub fn items(&mut self, name: &'static str, most: usize) -> Vec<(Pointer, &'a J)> {
        let Some(value) = self.raw(name) else { return Vec::new() };
        match value.look() {
            Look::Null => Vec::new(),
            Look::List(items) if items.len() <= most => {
                let at = self.pointer(name);
                items.iter().enumerate().map(|(i, item)| (at.item(i), item)).collect()
            }
            Look::List(items) => {
                let detail = format!("may hold at most {most} items, not {}", items.len());
                self.wrong(name, "too_many", detail);
                Vec::new()
            }
            _ => {
                self.type_error(name, "a list", value);
                Vec::new()
            }
        }
    }

    /// A list of texts that keep a rule, none twice.
    pub fn texts(&mut self, name: &'static str, most: usize, rule: Rule) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for (at, item) in self.items(name, most) {
            let (code, detail) = match item.as_str() {
                Some(text) if !seen.insert(text) => {
                    ("duplicate", format!("{} stands here twice; leave one out", shown(text)))
                }
                Some(text) if (rule.holds)(text) => {
                    texts.push(text.to_owned());
                    continue;
                }
                Some(text) => {
                    ("malformed", format!("must be {}; {} is not", rule.must_be, shown(text)))
                }
                None => ("type", format!("must be a text, not {}", kind_of(item))),
            };
            self.errors.push(FieldError::new(at, code, detail));
        }
        texts
    }

    /// The entries of an object that serves as a map, at most `most`.
    pub fn entries(&mut self, name: &'static str, most: usize) -> Vec<(&'a str, &'a J)> {
        let Some(value) = self.raw(name) else { return Vec::new() };
        match value.look() {
            Look::Null => Vec::new(),
            Look::Object => {
                let entries = value.sorted_fields(|_| true);
                if entries.len() <= most {
                    return entries;
                }
                let detail = format!("may hold at most {most} entries, not {}", entries.len());
                self.wrong(name, "too_many", detail);
                Vec::new()
            }
            _ => {
                self.type_error(name, "an object", value);
                Vec::new()
            }
        }
    }

    /// Notes that an entry of the map `name` is wrong.
    pub fn wrong_entry(
        &mut self,
        name: &'static str,
        key: &str,
        code: &'static str,
        detail: String,
    ) {
        self.errors.push(FieldError::new(self.pointer(name).key(key), code, detail));
    }
}

/// A whole number within a range, or what is wrong with it.
///
/// # Errors
/// The code and the detail of a [`FieldError`].
pub fn whole<T>(value: &impl Json, range: &RangeInclusive<T>) -> Result<T, (&'static str, String)>
where
    T: Copy + TryFrom<i64> + PartialOrd + Display,
{
    let wanted = format_args!("a whole number from {} to {}", range.start(), range.end());
    match value.look() {
        Look::Number(number) if number.is_i64() || number.is_u64() => number
            .as_i64()
            .and_then(|number| T::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| ("out_of_range", format!("must be {wanted}; {number} is not"))),
        _ => Err(("type", format!("must be {wanted}, not {}", kind_of(value)))),
    }
}

/// What is said of things that this version does not do yet.
#[must_use]
pub fn not_yet(what: &str) -> String {
    format!("{what} is not in this version: it comes with the routing issue; leave it out")
}

/// JSON Merge Patch (RFC 7396): `patch` into `target`.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

fn one_of<T: Display>(all: &[T]) -> String {
    let words: Vec<String> = all.iter().map(|word| format!("\"{word}\"")).collect();
    match words.as_slice() {
        [one] => one.clone(),
        _ => format!("one of {}", words.join(", ")),
    }
}

/// What a value is, in words.
#[must_use]
pub fn kind_of(value: &impl Json) -> &'static str {
    match value.look() {
        Look::Null => "null",
        Look::Bool(_) => "true or false",
        Look::Number(n) if n.is_f64() => "a number with a fraction",
        Look::Number(_) => "a number",
        Look::Text(_) => "a text",
        Look::List(_) => "a list",
        Look::Object => "an object",
    }
}

/// A text in quotes, cut so that a message stays a message.
fn shown(text: &str) -> String {
    if text.chars().count() <= 60 {
        return format!("{text:?}");
    }
    format!("{:?}…", text.chars().take(60).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_wrong_field_is_told_at_once_with_its_pointer_and_remedy() {
        let body = json!({ "name": "", "priority": 2.5, "on": "yes", "wieght": 3, "a/b": 1 });
        let mut fields = Fields::of(&body);
        fields.text("name", LABEL);
        fields.int("priority", -1000..=1000, 0);
        fields.int("weight", -1000..=1000, 0);
        fields.flag("on", true);
        fields.text("media", ID);
        let errors = fields.done(()).expect_err("five are wrong");
        let told: Vec<_> = errors.iter().map(|e| (e.pointer.as_str(), e.code)).collect();
        assert_eq!(
            told,
            [
                ("/name", "malformed"),
                ("/priority", "type"),
                ("/on", "type"),
                ("/media", "required"),
                ("/a~1b", "unknown_field"),
                ("/wieght", "unknown_field"),
            ]
        );
        assert!(errors[5].detail.contains("did you mean \"weight\"?"), "{}", errors[5].detail);
    }

    #[test]
    fn a_body_that_is_no_object_is_one_error() {
        let body = json!([1]);
        let mut fields = Fields::of(&body);
        assert_eq!(fields.int("a", 0u8..=9, 4), 4);
        let errors = fields.done(()).expect_err("not an object");
        assert_eq!((errors.len(), errors[0].pointer.as_str(), errors[0].code), (1, "", "type"));
    }

    #[test]
    fn merge_patch_keeps_the_cases_of_its_rfc() {
        for (target, patch, result) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":"b"}), json!(["c"]), json!(["c"])),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ] {
            let mut merged = target.clone();
            merge(&mut merged, &patch);
            assert_eq!(merged, result, "{target} + {patch}");
        }
    }
}
