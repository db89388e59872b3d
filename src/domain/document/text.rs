//! Documents as TOML: a section per object, a line per field. TOML has no null: `{ null = true }`
//! stands for it.

use super::{ACCOUNT, FAMILIES};
use crate::domain::problem::Problem;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// Lists of objects are broken into lines where they are longer than this.
const LINE: usize = 100;

/// Writes a document.
#[must_use]
pub fn to_toml(document: &Value) -> String {
    let mut out = String::new();
    let Some(all) = document.as_object() else { return out };
    if let Some(account) = all.get(ACCOUNT).and_then(Value::as_object) {
        section(&mut out, ACCOUNT, account);
    }
    for (family, _) in FAMILIES {
        for (id, body) in all.get(*family).and_then(Value::as_object).into_iter().flatten() {
            if let Some(fields) = body.as_object() {
                section(&mut out, &format!("{family}.{}", key(id)), fields);
            }
        }
    }
    out
}

fn section(out: &mut String, name: &str, fields: &Map<String, Value>) {
    if !out.is_empty() {
        out.push('\n');
    }
    _ = writeln!(out, "[{name}]");
    // The name first: it is what people look for.
    let names = ["name", "first_name", "last_name"];
    let first = names.iter().filter_map(|name| fields.get_key_value(*name));
    let rest = fields.iter().filter(|(name, _)| !names.contains(&name.as_str()));
    let mut tables = Vec::new();
    for (name, value) in first.chain(rest) {
        match value.as_object() {
            // Who belongs to it: a line for each.
            Some(all) if matches!(name.as_str(), "members" | "teams") && !all.is_empty() => {
                tables.push((name, all));
            }
            _ => _ = writeln!(out, "{} = {}", key(name), line(value)),
        }
    }
    for (table, all) in tables {
        _ = writeln!(out, "\n[{name}.{}]", key(table));
        for (id, value) in all {
            _ = writeln!(out, "{} = {}", key(id), inline(value));
        }
    }
}

/// A value on a line of its own.
fn line(value: &Value) -> String {
    let short = inline(value);
    match value {
        Value::Array(items) if short.len() > LINE => {
            let lines: String = items.iter().map(|item| format!("  {},\n", inline(item))).collect();
            format!("[\n{lines}]")
        }
        _ => short,
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Null => "{ null = true }".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{} = {}", key(name), inline(value)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
    }
}

fn key(name: &str) -> String {
    let bare = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
    if !name.is_empty() && name.bytes().all(bare) {
        return name.to_owned();
    }
    // A JSON string is a basic string of TOML.
    Value::String(name.to_owned()).to_string()
}

/// Reads a document.
///
/// # Errors
/// 400 `malformed_toml`, with the line.
pub fn from_toml(text: &str) -> Result<Value, Problem> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
        let detail = format!("line {line} is no TOML: {}", error.message());
        Problem::new(400, "malformed_toml", detail)
    })?;
    Ok(json_of(toml::Value::Table(table)))
}

fn json_of(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(flag) => flag.into(),
        // Instants are texts here.
        toml::Value::Datetime(at) => Value::String(at.to_string()),
        toml::Value::Array(items) => items.into_iter().map(json_of).collect(),
        toml::Value::Table(fields) => {
            if fields.len() == 1 && fields.get("null") == Some(&toml::Value::Boolean(true)) {
                return Value::Null;
            }
            Value::Object(fields.into_iter().map(|(name, value)| (name, json_of(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let document = json!({
            "account": { "name": "Acme \"A\"\n", "max_queues": null },
            "users": { "usr_a": { "first_name": "A", "last_name": "B", "skills": { "s": null, "t": 5 },
                "external_ids": { "a b": "x" } } },
            "queues": { "q": { "name": "Q", "members": { "usr_a": { "stars": 1, "position": 1 } },
                "teams": {}, "steps": (0..9).map(|i| json!({ "after_ms": i, "skills": [] }))
                    .collect::<Vec<_>>() } },
        });
        let text = to_toml(&document);
        assert_eq!(from_toml(&text).expect("TOML"), document, "{text}");
        assert!(text.contains("[queues.q.members]\nusr_a = { position = 1, stars = 1 }"), "{text}");
        assert!(text.lines().all(|line| line.len() <= LINE + 40), "{text}");
        let wrong = from_toml("a = 1\nb = \n").expect_err("no TOML");
        assert_eq!((wrong.code, wrong.detail.starts_with("line 2 ")), ("malformed_toml", true));
    }
}
