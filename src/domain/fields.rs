//! Reads a JSON object field by field and collects every wrong one, so that a caller who sent five
//! mistakes is told five. Reading never stops early: a wrong field yields a stand-in, and
//! [`Fields::done`] gives the value out only when nothing was wrong.

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

/// A label for people: 1–100 characters, no control characters, not only blanks.
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
pub struct Fields<'a> {
    map: Option<&'a Map<String, Value>>,
    at: Pointer,
    known: Vec<&'static str>,
    open: bool,
    errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    /// Begins to read a whole body.
    #[must_use]
    pub fn of(body: &'a Value) -> Fields<'a> {
        Fields::under(body, Pointer::ROOT)
    }

    /// Begins to read an object that stands at the pointer `at`.
    #[must_use]
    pub fn under(value: &'a Value, at: Pointer) -> Fields<'a> {
        let map = value.as_object();
        // Room for an event's fields, the commonest of all bodies.
        let known = Vec::with_capacity(if map.is_some() { 12 } else { 0 });
        let mut fields = Fields { map, at, known, open: false, errors: Vec::new() };
        if map.is_none() {
            let detail = format!("must be a JSON object, not {}", kind_of(value));
            fields.errors.push(FieldError::new(fields.at.to_string(), "type", detail));
        }
        fields
    }

    /// Unknown fields are let through (events of switches).
    #[must_use]
    pub fn open(mut self) -> Fields<'a> {
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
        let Some(map) = self.map else { return };
        if self.open {
            return;
        }
        for name in map.keys().filter(|name| !self.known.contains(&name.as_str())) {
            let detail = match nearest(name, &self.known) {
                Some(near) => format!("there is no field {name:?} here; did you mean {near:?}?"),
                None => {
                    format!("there is no field {name:?} here; known are {}", self.known.join(", "))
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
        if self.map.is_some() {
            self.errors.push(FieldError::new(self.at.to_string(), code, detail));
        }
    }

    /// Takes over the errors of a part that was read elsewhere.
    pub fn wrong_all(&mut self, errors: Vec<FieldError>) {
        self.errors.extend(errors);
    }

    /// The field as it is; it counts as known from now on.
    pub fn raw(&mut self, name: &'static str) -> Option<&'a Value> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        self.map.and_then(|map| map.get(name))
    }

    /// The fields that nobody has asked for so far.
    pub fn unread(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        let all = self.map.into_iter().flatten();
        all.filter(|(name, _)| !self.known.contains(&name.as_str()))
    }

    /// Whether the field was sent and is not null.
    pub fn is_set(&mut self, name: &'static str) -> bool {
        self.raw(name).is_some_and(|value| !value.is_null())
    }

    /// A field that this version refuses, saying when it comes. Null and false are let through.
    pub fn not_yet(&mut self, name: &'static str, what: &str) {
        let Some(sent) = self.map.and_then(|map| map.get(name)) else { return };
        self.raw(name);
        if !matches!(sent, Value::Null | Value::Bool(false)) {
            self.wrong(name, "not_yet", not_yet(what));
        }
    }

    fn type_error(&mut self, name: &str, wanted: &str, found: &Value) {
        let detail = format!("must be {wanted}, not {}", kind_of(found));
        self.wrong(name, "type", detail);
    }

    /// A required text.
    pub fn text(&mut self, name: &'static str, rule: Rule) -> String {
        match self.raw(name) {
            None => {
                self.missing(name, rule.must_be);
                String::new()
            }
            Some(value) => self.text_of(name, rule, value),
        }
    }

    /// The text that a field holds; null is refused.
    fn text_of(&mut self, name: &'static str, rule: Rule, value: &Value) -> String {
        if value.is_null() {
            self.type_error(name, "a text", value);
        }
        self.text_of_or_null(name, rule, value).unwrap_or_default()
    }

    /// Notes that a required field was left out. `must_be` says what it holds.
    pub fn missing(&mut self, name: &str, must_be: &str) {
        // A body that is no object at all has been told so already.
        if self.map.is_some() {
            self.wrong(name, "required", format!("is required: {must_be}"));
        }
    }

    /// A text with a default; null is refused.
    pub fn text_or(&mut self, name: &'static str, rule: Rule, default: &str) -> String {
        match self.raw(name) {
            None => default.to_owned(),
            Some(value) => self.text_of(name, rule, value),
        }
    }

    /// A text that may be null or left out.
    pub fn text_or_null(&mut self, name: &'static str, rule: Rule) -> Option<String> {
        let value = self.raw(name)?;
        self.text_of_or_null(name, rule, value)
    }

    fn text_of_or_null(&mut self, name: &'static str, rule: Rule, value: &Value) -> Option<String> {
        match value {
            Value::Null => None,
            Value::String(text) if (rule.holds)(text) => Some(text.clone()),
            Value::String(text) => {
                let detail = format!("must be {}; {} is not", rule.must_be, shown(text));
                self.wrong(name, "malformed", detail);
                None
            }
            other => {
                self.type_error(name, "a text", other);
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
            Some(Value::Null) => {
                self.type_error(name, "a whole number", &Value::Null);
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
            Some(Value::Null) => return None,
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
        match self.raw(name) {
            None => default,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                self.type_error(name, "true or false", other);
                default
            }
        }
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
            Some(Value::Null) => {
                self.type_error(name, &one_of(all), &Value::Null);
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
        match self.raw(name)? {
            Value::Null => None,
            Value::String(word) => {
                let found = parse(word);
                if found.is_none() {
                    let detail = format!("must be {}; {} is not", one_of(all), shown(word));
                    self.wrong(name, "unknown_value", detail);
                }
                found
            }
            other => {
                self.type_error(name, &one_of(all), other);
                None
            }
        }
    }

    /// An RFC 3339 instant; null or left out is none.
    pub fn instant_or_null(&mut self, name: &'static str) -> Option<Millis> {
        match self.raw(name)? {
            Value::Null => None,
            Value::String(text) => match Millis::parse_rfc3339(text) {
                Ok(at) => Some(at),
                Err(why) => {
                    let detail = format!("must be an instant such as 2026-11-21T20:00:00Z: {why}");
                    self.wrong(name, "malformed", detail);
                    None
                }
            },
            other => {
                self.type_error(name, "an RFC 3339 instant", other);
                None
            }
        }
    }

    /// An object; null or left out is none. What is wrong inside is collected with the rest.
    pub fn nested<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Fields<'a>) -> T,
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
        value: &'a Value,
        at: Pointer,
        read: impl FnOnce(&mut Fields<'a>) -> T,
    ) -> T {
        let mut inner = Fields::under(value, at);
        inner.open = self.open;
        let read = read(&mut inner);
        inner.close();
        self.errors.append(&mut inner.errors);
        read
    }

    /// A list of at most `most` items; null or left out is empty.
    pub fn items(&mut self, name: &'static str, most: usize) -> Vec<(Pointer, &'a Value)> {
        match self.raw(name) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) if items.len() <= most => {
                let at = self.pointer(name);
                items.iter().enumerate().map(|(i, item)| (at.item(i), item)).collect()
            }
            Some(Value::Array(items)) => {
                let detail = format!("may hold at most {most} items, not {}", items.len());
                self.wrong(name, "too_many", detail);
                Vec::new()
            }
            Some(other) => {
                self.type_error(name, "a list", other);
                Vec::new()
            }
        }
    }

    /// A list of texts that keep a rule, none twice.
    pub fn texts(&mut self, name: &'static str, most: usize, rule: Rule) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for (at, item) in self.items(name, most) {
            let (code, detail) = match item.as_str() {
                Some(text) if texts.iter().any(|t| t == text) => {
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
    pub fn entries(&mut self, name: &'static str, most: usize) -> Vec<(&'a str, &'a Value)> {
        match self.raw(name) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Object(map)) if map.len() <= most => {
                map.iter().map(|(key, value)| (key.as_str(), value)).collect()
            }
            Some(Value::Object(map)) => {
                let detail = format!("may hold at most {most} entries, not {}", map.len());
                self.wrong(name, "too_many", detail);
                Vec::new()
            }
            Some(other) => {
                self.type_error(name, "an object", other);
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
pub fn whole<T>(value: &Value, range: &RangeInclusive<T>) -> Result<T, (&'static str, String)>
where
    T: Copy + TryFrom<i64> + PartialOrd + Display,
{
    let wanted = format!("a whole number from {} to {}", range.start(), range.end());
    match value {
        Value::Number(number) if number.is_i64() || number.is_u64() => number
            .as_i64()
            .and_then(|number| T::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| ("out_of_range", format!("must be {wanted}; {number} is not"))),
        other => Err(("type", format!("must be {wanted}, not {}", kind_of(other)))),
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
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(n) if n.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
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
