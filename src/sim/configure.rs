//! `callboard export` and `callboard apply`: a whole account as one document, over the public
//! interface.

use super::client::{Error, Place};
use bytes::Bytes;
use hyper::Method;
use serde_json::Value;
use std::fmt::Write;
use std::path::PathBuf;

const TOML: &str = "application/toml";
const JSON: &str = "application/json";

/// What `callboard export` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct ExportArgs {
    /// Where.
    #[command(flatten)]
    pub place: Place,
    /// JSON in place of TOML.
    #[arg(long)]
    pub json: bool,
}

/// What `callboard apply` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct ApplyArgs {
    /// The document: JSON when its name ends in .json, else TOML.
    pub file: PathBuf,
    /// Says what would change, and changes nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Removes what does not stand in the document, of the families that do; users are deactivated.
    #[arg(long)]
    pub prune: bool,
    /// Where.
    #[command(flatten)]
    pub place: Place,
}

fn path_of(place: &Place) -> String {
    format!("/v1/accounts/{}/configuration", place.account)
}

/// The account as a document.
///
/// # Errors
/// When the server refuses, or is not reached.
pub async fn export(args: &ExportArgs) -> Result<String, Error> {
    let format = if args.json { "json" } else { "toml" };
    let path = format!("{}?format={format}", path_of(&args.place));
    let document = args.place.client()?.send_text(Method::GET, &path, JSON, None).await?;
    let text = String::from_utf8_lossy(&document);
    if !args.json {
        return Ok(text.into_owned());
    }
    let document: Value =
        serde_json::from_str(&text).map_err(|error| Error::NotJson(error.to_string()))?;
    Ok(format!("{document:#}\n"))
}

/// Applies a document; what it has changed, in lines for people.
///
/// # Errors
/// When the server refuses, with every wrong field, or is not reached.
pub async fn apply(args: &ApplyArgs, document: Vec<u8>) -> Result<String, Error> {
    let is_json = args.file.extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
    let kind = if is_json { JSON } else { TOML };
    let path = format!("{}?dry_run={}&prune={}", path_of(&args.place), args.dry_run, args.prune);
    let body = Some(Bytes::from(document));
    let answer = args.place.client()?.send_text(Method::PUT, &path, kind, body).await?;
    let answer =
        serde_json::from_slice(&answer).map_err(|error| Error::NotJson(error.to_string()))?;
    Ok(told(&answer))
}

/// What was changed, a line for each: `+` made, `~` changed, `-` removed.
fn told(answer: &Value) -> String {
    let mut out = String::new();
    for change in answer["changes"].as_array().into_iter().flatten() {
        let sign = match change["change"].as_str() {
            Some("made") => '+',
            Some("removed") => '-',
            _ => '~',
        };
        _ = writeln!(out, "{sign} {}", change["object"].as_str().unwrap_or_default());
        for field in change["fields"].as_array().into_iter().flatten() {
            let name = field["field"].as_str().unwrap_or_default();
            _ = writeln!(out, "    {name}: {} → {}", field["before"], field["after"]);
        }
    }
    let verb = if answer["dry_run"] == true { "would be" } else { "were" };
    let count = |word: &str| answer[word].as_u64().unwrap_or(0);
    match (count("made"), count("changed"), count("removed")) {
        (0, 0, 0) => out.push_str("nothing to change\n"),
        (made, changed, removed) => {
            _ = writeln!(out, "{made} {verb} made, {changed} changed, {removed} removed");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_are_told_in_lines() {
        let answer = json!({ "dry_run": true, "made": 1, "changed": 1, "removed": 0, "changes": [
            { "change": "made", "object": "skills/dutch", "fields": [] },
            { "change": "changed", "object": "queues/a",
                "fields": [{ "field": "exits.max_waiting", "before": null, "after": 5 }] },
        ] });
        let lines = "+ skills/dutch\n~ queues/a\n    exits.max_waiting: null → 5\n\
                     1 would be made, 1 changed, 0 removed\n";
        assert_eq!(told(&answer), lines);
        assert_eq!(told(&json!({ "changes": [] })), "nothing to change\n");
    }
}
