//! The board as text: queues, agents, waiting calls. Colours stand beside shapes, never alone.

use crate::domain::time::Millis;
use crate::sim::board::Board;
use serde_json::Value;
use std::fmt::Write;

/// How text may look.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Whether ANSI colours may be used.
    pub colour: bool,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Shape, ANSI colour and word of a presence: green, orange, red, grey.
fn presence(word: &str) -> (&'static str, &'static str) {
    match word {
        "available" => ("●", "32"),
        "opted_out" => ("◆", "33"),
        "busy" => ("■", "31"),
        _ => ("○", "90"),
    }
}

/// The whole board; `now` is the server's time of its last frame. With `queue`, the agents' colours
/// are those of their place in that queue.
#[must_use]
pub fn board(board: &Board, now: Millis, queue: Option<&str>, style: Style) -> String {
    let mut text = format!("callboard  {}  seq {}\n\n", board.at, board.seq);
    queues(&mut text, board, now, style);
    agents(&mut text, board, now, queue, style);
    calls(&mut text, board, now, style);
    text
}

fn queues(text: &mut String, board: &Board, now: Millis, style: Style) {
    let head = format!(
        "{:<18}{:>8}{:>8}{:>8}{:>8}   {:<20}{:>8}{:>9}{:>10}",
        "QUEUE",
        "WAITING",
        "OLDEST",
        "RINGING",
        "TALKING",
        "● ◆ ■ ○",
        "OFFERED",
        "ANSWERED",
        "ABANDONED"
    );
    let _ = writeln!(text, "{}", style.paint("1", &head));
    for row in board.queues.values() {
        let agents = &row["agents"];
        let mut colours = String::new();
        for word in ["available", "opted_out", "busy", "offline"] {
            let (shape, code) = presence(word);
            let cell = format!("{:<5}", format!("{shape}{}", agents[word]));
            colours += &style.paint(code, &cell);
        }
        let oldest = row["oldest_at"].as_str().map_or("–".to_owned(), |at| since(at, now));
        let today = &row["today"];
        let _ = writeln!(
            text,
            "{:<18}{:>8}{:>8}{:>8}{:>8}   {colours}{:>8}{:>9}{:>10}",
            cut(&word(row, "id"), 17),
            number(row, "waiting"),
            oldest,
            number(row, "ringing"),
            number(row, "talking"),
            number(today, "offered"),
            number(today, "answered"),
            number(today, "abandoned"),
        );
    }
}

fn agents(text: &mut String, board: &Board, now: Millis, queue: Option<&str>, style: Style) {
    let head =
        format!("\n  {:<20}{:<18}{:<16}{:<14}{:>8}", "AGENT", "NAME", "STATUS", "DOES", "SINCE");
    let _ = writeln!(text, "{}", style.paint("1", &head));
    for row in board.agents.values() {
        let place = queue.map_or(row, |queue| &row["queues"][queue]);
        if place.is_null() {
            continue;
        }
        let (shape, code) = presence(&word(place, "presence"));
        let status = match (row["reason"].as_str(), row["next"].as_str()) {
            (_, Some(next)) => format!("{}→{next}", word(row, "status")),
            (Some(reason), None) => reason.to_owned(),
            (None, None) => word(row, "status"),
        };
        let line = format!(
            "{shape} {:<20}{:<18}{:<16}{:<14}{:>8}",
            cut(&word(row, "id"), 19),
            cut(&word(row, "name"), 17),
            cut(&status, 15),
            word(place, "detail"),
            since(row["since"].as_str().unwrap_or_default(), now),
        );
        let _ = writeln!(text, "{}", style.paint(code, &line));
    }
}

/// Calls that wait, in the order in which they will be served.
fn calls(text: &mut String, board: &Board, now: Millis, style: Style) {
    let mut waiting: Vec<&Value> =
        board.calls.values().filter(|row| row["state"] != "connected").collect();
    waiting.sort_by_key(|row| row["rank"].as_i64());
    let head =
        format!("\n  {:<32}{:<16}{:<18}{:>8}  {}", "CALL", "FROM", "QUEUE", "WAITS", "RINGS");
    let _ = writeln!(text, "{}", style.paint("1", &head));
    for row in waiting {
        let offers = row["offers"].as_array().map(Vec::as_slice).unwrap_or_default();
        let rings: Vec<&str> = offers.iter().filter_map(|offer| offer["agent"].as_str()).collect();
        let _ = writeln!(
            text,
            "  {:<32}{:<16}{:<18}{:>8}  {}",
            word(row, "id"),
            cut(&word(row, "from"), 15),
            cut(&word(row, "queue"), 17),
            since(row["queued_at"].as_str().unwrap_or_default(), now),
            rings.join(" "),
        );
    }
}

/// At most so many lines and columns; says how many lines are left out. Colours take no columns.
#[must_use]
pub fn fit(text: &str, rows: usize, columns: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let room = rows.saturating_sub(1).max(1);
    let shown = if lines.len() > room { room - 1 } else { lines.len() };
    let mut fitted: Vec<String> = lines[..shown].iter().map(|line| narrow(line, columns)).collect();
    if shown < lines.len() {
        fitted.push(format!("… {} more lines", lines.len() - shown));
    }
    fitted.join("\n") + "\n"
}

fn narrow(line: &str, columns: usize) -> String {
    let (mut out, mut width, mut escape) = (String::new(), 0, false);
    for c in line.chars() {
        escape |= c == '\x1b';
        if escape || width < columns {
            out.push(c);
        }
        width += usize::from(!escape);
        escape &= c != 'm';
    }
    out
}

fn word(row: &Value, field: &str) -> String {
    row[field].as_str().unwrap_or("–").to_owned()
}

fn number(row: &Value, field: &str) -> u64 {
    row[field].as_u64().unwrap_or_default()
}

fn cut(text: &str, to: usize) -> String {
    if text.chars().count() <= to {
        return text.to_owned();
    }
    text.chars().take(to - 1).chain(['…']).collect()
}

/// `0:07`, `12:34`, `3:25:00`.
fn since(at: &str, now: Millis) -> String {
    let Ok(at) = Millis::parse_rfc3339(at) else { return "–".to_owned() };
    let seconds = now.since(at) / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sample() -> Board {
        let mut board = Board::default();
        let frame = json!({ "type": "snapshot", "epoch": "e", "seq": 3, "part": 1, "parts": 1,
            "at": "2026-11-21T20:00:10.000Z",
            "queues": [{ "id": "support", "waiting": 1, "oldest_at": "2026-11-21T20:00:03.000Z",
                "ringing": 1, "talking": 0,
                "agents": { "available": 1, "opted_out": 0, "busy": 2, "offline": 3 },
                "today": { "offered": 5, "answered": 4, "abandoned": 1 } }],
            "agents": [{ "id": "usr_ann", "name": "Ann Lee", "status": "ready", "reason": null,
                "next": "on_break", "presence": "available", "detail": "ringing",
                "since": "2026-11-21T19:00:08.000Z",
                "queues": { "support": { "presence": "busy", "detail": "other_work" } } }],
            "calls": [{ "id": "cal_1", "from": "+15551230001", "queue": "support",
                "state": "offered", "rank": 5, "queued_at": "2026-11-21T20:00:03.000Z",
                "offers": [{ "id": "off_1", "agent": "usr_ann" }] }] });
        board.apply(&frame).unwrap();
        board
    }

    #[test]
    fn the_board_shows_queues_agents_and_waiting_calls() {
        let board_now = sample();
        let now = Millis::parse_rfc3339(&board_now.at).unwrap();
        let text = board(&board_now, now, None, Style { colour: false });
        let line = |start: &str| text.lines().find(|l| l.contains(start)).unwrap().to_owned();
        assert!(line("support  ").contains("0:07"), "{text}");
        assert!(line("support  ").contains("●1   ◆0   ■2   ○3"), "{text}");
        assert!(line("usr_ann  ").starts_with("● usr_ann"), "{text}");
        assert!(line("usr_ann  ").contains("ready→on_break"), "{text}");
        assert!(line("usr_ann  ").contains("1:00:02"), "{text}");
        assert!(line("cal_1").ends_with("usr_ann"), "{text}");
    }

    #[test]
    fn in_one_queue_the_colour_is_that_of_the_place_there() {
        let board_now = sample();
        let style = Style { colour: true };
        let text = board(&board_now, Millis(0), Some("support"), style);
        assert!(text.contains("\x1b[31m■ usr_ann"), "{text}");
        let text = board(&board_now, Millis(0), Some("sales"), style);
        assert!(!text.contains("■ usr_ann"), "{text}");
    }

    #[test]
    fn what_does_not_fit_is_cut_and_counted() {
        assert_eq!(fit("a\nb\nc\nd\n", 4, 9), "a\nb\n… 2 more lines\n");
        assert_eq!(fit("abcdef\n", 4, 3), "abc\n");
        assert_eq!(fit("\x1b[31mabcdef\x1b[0m\n", 4, 3), "\x1b[31mabc\x1b[0m\n");
    }
}
