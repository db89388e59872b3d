//! A history's file of an older format, which an older release wrote: it is upgraded, and tells the same.

use callboard::domain::figures::Threshold;
use callboard::domain::ids::Name;
use callboard::domain::time::Millis;
use callboard::reporting::figures::FIGURES;
use callboard::reporting::history::behind;
use callboard::reporting::history::keep::Keep;
use callboard::reporting::history::lists::CallWish;
use callboard::reporting::history::read::{Look, Reader};
use callboard::reporting::history::{Across, schema};
use rusqlite::Connection;
use std::path::Path;

const STREAM: u32 = 1;
const ALL: (Millis, Millis) = (Millis(0), Millis(4_000_000_000_000));

/// Writes the file as it was.
fn write_old(path: &Path, format: u32) -> Connection {
    let db = Connection::open(path).expect("a file");
    db.execute_batch(include_str!("../fixtures/history/format2.sql")).expect("tables");
    if format == 1 {
        db.execute_batch("DROP TABLE history_member").expect("dropped");
    }
    db.pragma_update(None, "application_id", 0x4342_4849).expect("marked");
    db.pragma_update(None, "user_version", format).expect("marked");
    db
}

/// What a question tells, a line each row.
fn lines(db: &Connection, sql: &str) -> Vec<String> {
    let mut found = db.prepare(sql).expect("sql");
    let found = found.query_map([], |row| row.get(0)).expect("rows");
    found.collect::<Result<_, _>>().expect("lines")
}

/// The same of spans by the timeline.
fn timeline(look: &Look<'_>, agents: &[String]) -> Vec<String> {
    let mut told = Vec::new();
    for agent in agents {
        let ms = |text: &serde_json::Value| {
            Millis::parse_rfc3339(text.as_str().expect("an instant")).expect("an instant").0
        };
        let (spans, next) = look.timeline(agent, ALL, 1_000).expect("time");
        assert_eq!(next, None);
        told.extend(spans.iter().map(|span| {
            let word = |name: &str| span[name].as_str().unwrap_or("-").to_owned();
            let (from, to) = (ms(&span["from"]), ms(&span["to"]));
            format!("{agent} {from} {to} {} {} {}", word("status"), word("detail"), word("reason"))
        }));
    }
    told
}

/// How many rows are behind a figure of each.
fn counted(look: &Look<'_>, figure: &str, across: Across, ids: &[String]) -> Vec<String> {
    let figure = FIGURES.iter().find(|it| it.name == figure).expect("a figure");
    let told = ids.iter().map(|id| {
        let (ids, threshold) = (vec![Name::from(id.as_str())], Threshold::DEFAULT);
        let (from, until) = ALL;
        let (after, limit) = (None, 1_000);
        let wish = behind::Wish { figure, across, ids, from, until, threshold, after, limit };
        format!("{id} {}", look.behind(&wish).expect("rows").count)
    });
    told.collect()
}

/// Calls that were offered to each, or that each had.
fn calls(look: &Look<'_>, agents: &[String]) -> Vec<String> {
    let told = agents.iter().map(|agent| {
        let (from, until) = ALL;
        let agent = Some(agent.clone());
        let (queue, outcome, callbacks, after, limit) = (None, None, false, None, 1_000);
        let wish = CallWish { from, until, queue, agent, outcome, callbacks, after, limit };
        let (found, more) = look.calls(&wish, &|_| true).expect("calls");
        assert!(!more);
        format!("{} {}", wish.agent.unwrap_or_default(), found.len())
    });
    told.collect()
}

#[test]
fn files_of_older_formats_are_upgraded_and_tell_the_same() {
    for format in [1, 2] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(schema::FILE);
        let old = write_old(&path, format);
        let named = |kind| {
            let sql =
                format!("SELECT name FROM history_subject WHERE kind = '{kind}' ORDER BY name");
            lines(&old, &sql)
        };
        let (agents, queues) = (named("agent"), named("queue"));
        let of = |whose: &str, table: &str| {
            let count = format!("(SELECT count(*) FROM {table} WHERE {whose} = s.id)");
            let kind = if whose == "agent" { "agent" } else { "queue" };
            let from = format!("FROM history_subject AS s WHERE kind = '{kind}' ORDER BY name");
            lines(&old, &format!("SELECT name || ' ' || {count} {from}"))
        };
        let spans = lines(
            &old,
            "SELECT name || ' ' || began_at || ' ' || ended_at || ' ' || status || ' '
               || coalesce(detail, '-') || ' ' || coalesce(reason, '-')
             FROM history_span JOIN history_subject ON id = agent ORDER BY name, began_at",
        );
        let with = lines(
            &old,
            "SELECT name || ' ' || (SELECT count(*) FROM history_call AS c
               WHERE call IN (SELECT call FROM history_offer WHERE agent = s.id
                 UNION SELECT call FROM history_part WHERE agent = s.id))
             FROM history_subject AS s WHERE kind = 'agent' ORDER BY name",
        );
        assert!(spans.len() > 50 && spans.iter().any(|span| span.ends_with("break lunch")));
        let expected = [
            ("offers", Across::Agent, of("agent", "history_offer")),
            ("offers", Across::Queue, of("queue", "history_offer")),
            ("handled", Across::Agent, of("agent", "history_part")),
            ("handled", Across::Queue, of("queue", "history_part")),
            ("offered", Across::Queue, of("queue", "history_stay")),
        ];
        drop(old);
        let keep = Keep::new(schema::open_writing(&path).expect("upgraded")).expect("a history");
        let check = |look: &Look<'_>| {
            assert_eq!(timeline(look, &agents), spans, "format {format}");
            assert_eq!(calls(look, &agents), with, "format {format}");
            for (figure, across, expected) in &expected {
                let ids = if *across == Across::Agent { &agents } else { &queues };
                let told = counted(look, figure, *across, ids);
                assert_eq!(told, *expected, "format {format}: {figure} by {across}");
            }
        };
        check(&Look::beside(keep.file(), keep.codes(), STREAM).expect("a look"));
        let members = "SELECT count(*) || '' FROM history_member";
        assert_eq!(lines(keep.file(), members), [if format == 1 { "0" } else { "25" }]);
        let names = "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name";
        let new = schema::open_in_memory().expect("a new file");
        assert_eq!(lines(keep.file(), names), lines(&new, names), "format {format}");
        drop(keep);
        let mut reader = Reader::open(&path).expect("a reader");
        let look = |look: &Look<'_>| {
            check(look);
            Ok(())
        };
        reader.look(STREAM, look).expect("read");
    }
}
