//! The console's types of what the server says: written from the schemas that the OpenAPI and the
//! AsyncAPI document carry, which are made from the Rust types. Where the file is out of date, the
//! test writes it anew and fails.

use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::path::Path;

/// Its schemas are held against what the server sends by tests/api/asyncapi.rs.
const SOCKETS: &str = include_str!("../docs/asyncapi.json");
const FILE: &str = "src/console/static/app/wire.d.ts";

#[test]
fn the_console_s_types_are_the_server_s() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let text = types();
    if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return;
    }
    std::fs::write(&path, text).expect("the file can be written");
    panic!("{FILE} was out of date: it has been written anew; look at it and commit it");
}

#[test]
fn schemas_are_told_as_types() {
    let told = |text: &str| type_of(&serde_json::from_str(text).expect("JSON"), 0);
    assert_eq!(told(r#"{"type":["string","null"]}"#), "string | null");
    assert_eq!(told(r#"{"type":"array","items":{"enum":["a","b"]}}"#), r#"("a" | "b")[]"#);
    assert_eq!(told(r##"{"anyOf":[{"$ref":"#/x/Row"},{"type":"null"}]}"##), "Row | null");
    let map = r#"{"type":"object","additionalProperties":{"type":"integer"}}"#;
    assert_eq!(told(map), "Record<string, number>");
    let object =
        r#"{"type":"object","properties":{"id":{"type":"string"},"a-b":{}},"required":["id"]}"#;
    assert_eq!(told(object), "{\n  \"a-b\"?: any;\n  id: string;\n}");
}

fn types() -> String {
    let mut text = String::from(
        "// Written by tests/wire.rs from the server's own types; changes are made there.\n",
    );
    for document in [callboard::api::openapi_json(), SOCKETS.to_owned()] {
        let document: Value = serde_json::from_str(&document).expect("JSON");
        let schemas = document["components"]["schemas"].as_object().expect("schemas");
        for (name, schema) in schemas {
            let about = schema["description"].as_str().map(|text| format!("/** {text} */\n"));
            let about = about.unwrap_or_default();
            writeln!(text, "\n{about}export type {name} = {};", type_of(schema, 0)).expect("text");
        }
    }
    text
}

fn type_of(schema: &Value, depth: usize) -> String {
    let of = |schema: &Value| type_of(schema, depth);
    if let Some(name) = schema["$ref"].as_str() {
        return name.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if let Some(value) = schema.get("const") {
        return value.to_string();
    }
    if let Some(values) = schema["enum"].as_array() {
        return joined(values, " | ", Value::to_string);
    }
    for (key, between) in [("oneOf", " | "), ("anyOf", " | "), ("allOf", " & ")] {
        if let Some(parts) = schema[key].as_array() {
            return joined(parts, between, of);
        }
    }
    match &schema["type"] {
        Value::Array(kinds) => joined(kinds, " | ", |kind| of_kind(kind, schema, depth)),
        kind => of_kind(kind, schema, depth),
    }
}

fn joined(parts: &[Value], between: &str, told: impl Fn(&Value) -> String) -> String {
    let mut all: Vec<String> = parts.iter().map(told).collect();
    all.dedup();
    all.join(between)
}

fn of_kind(kind: &Value, schema: &Value, depth: usize) -> String {
    match kind.as_str() {
        Some("string") => "string".to_owned(),
        Some("integer" | "number") => "number".to_owned(),
        Some("boolean") => "boolean".to_owned(),
        Some("null") => "null".to_owned(),
        Some("array") => {
            let item = type_of(&schema["items"], depth);
            if item.contains(" | ") && !item.starts_with('{') {
                return format!("({item})[]");
            }
            format!("{item}[]")
        }
        Some("object") => of_object(schema, depth),
        _ => "any".to_owned(),
    }
}

fn of_object(schema: &Value, depth: usize) -> String {
    if let Some(fields) = schema["properties"].as_object() {
        return of_fields(fields, &schema["required"], depth);
    }
    match &schema["additionalProperties"] {
        Value::Object(values) => {
            format!("Record<string, {}>", type_of(&Value::Object(values.clone()), depth))
        }
        _ => "Record<string, any>".to_owned(),
    }
}

fn of_fields(fields: &Map<String, Value>, required: &Value, depth: usize) -> String {
    let is_required = |name: &str| {
        required.as_array().is_some_and(|names| names.iter().any(|known| known == name))
    };
    let inside = "  ".repeat(depth + 1);
    let mut text = "{\n".to_owned();
    for (name, schema) in fields {
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let shown = if plain { name.clone() } else { format!("\"{name}\"") };
        let may_miss = if is_required(name) { "" } else { "?" };
        let told = type_of(schema, depth + 1);
        writeln!(text, "{inside}{shown}{may_miss}: {told};").expect("text");
    }
    text + &"  ".repeat(depth) + "}"
}
