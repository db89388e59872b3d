//! A run as one page with charts: everything inside, drawn as SVG, no scripts.

use super::checks::Check;
use super::figures::Second;
use super::latency::Quantiles;
use super::report::Report;
use std::fmt::Write;

const WIDTH: f64 = 880.0;
const HEIGHT: f64 = 220.0;
/// Left for the figures beside an axis, and below it.
const LEFT: f64 = 64.0;
const BELOW: f64 = 24.0;
/// Told apart also by those who see colours otherwise.
const COLOURS: [&str; 5] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00"];

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:920px;margin:2rem auto;\
padding:0 1rem;color:#1a1a1a;background:#fff}h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}\
table{border-collapse:collapse;width:100%}td,th{padding:.25rem .6rem;text-align:right;\
border-bottom:1px solid #ddd;font-variant-numeric:tabular-nums}td:first-child,th:first-child\
{text-align:left}.broken{color:#b00020;font-weight:600}pre{background:#f5f5f5;padding:1rem;\
overflow:auto}svg{width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:#444}\
@media(prefers-color-scheme:dark){body{background:#161616;color:#e8e8e8}pre{background:#222}\
td,th{border-color:#444}svg text{fill:#bbb}.broken{color:#ff8a80}}";

/// The page.
#[must_use]
pub fn page(report: &Report) -> String {
    let mut html = String::new();
    // Writing to a string does not fail.
    let _ = write!(
        html,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>callboard load</title><style>{STYLE}</style>\
         <h1>callboard load, {}</h1>",
        escape(&report.began_at)
    );
    verdict(&mut html, report);
    latencies(&mut html, report);
    charts(&mut html, report);
    let asked = serde_json::to_string_pretty(&report.asked).unwrap_or_default();
    let _ = writeln!(
        html,
        "<h2>Summary</h2><pre>{}</pre><h2>Asked for</h2><pre>{}</pre></html>",
        escape(report.to_string().trim()),
        escape(&asked)
    );
    html
}

fn verdict(html: &mut String, report: &Report) {
    html.push_str("<h2>Checks</h2><table>");
    for check in Check::ALL {
        let words = check.words();
        let _ = match report.checks.found(check) {
            None => write!(html, "<tr><td>{words}<td>held"),
            Some((times, first)) => write!(
                html,
                "<tr class=\"broken\"><td>{words}<td>broken {times} times: {}",
                escape(first)
            ),
        };
    }
    html.push_str("</table>");
}

fn latencies(html: &mut String, report: &Report) {
    html.push_str(
        "<h2>Latencies, from the instant at which an event was due</h2><table>\
         <tr><th>milliseconds<th>p50<th>p99<th>p99.9<th>max<th>n",
    );
    let mut row = |name: &str, q: &Quantiles| {
        let ms = |us: u64| format!("{:.2}", us as f64 / 1e3);
        let (p50, p99, p999) = (ms(q.p50_us), ms(q.p99_us), ms(q.p999_us));
        let (max, count) = (ms(q.max_us), q.count);
        let _ = write!(html, "<tr><td>{name}<td>{p50}<td>{p99}<td>{p999}<td>{max}<td>{count}");
    };
    for (measure, recorder) in &report.latencies {
        row(measure.words(), &recorder.total());
    }
    if let Some(floor) = &report.floor {
        row("this machine: fdatasync of 4 KiB", &floor.sync);
        row("this machine: bare WebSocket echo", &floor.echo);
    }
    html.push_str("</table>");
}

/// One line of a chart: its name, and a value for each second.
type Line<'a> = (&'a str, &'a dyn Fn(&Second) -> f64);

fn charts(html: &mut String, report: &Report) {
    let ms = |us: u64| us as f64 / 1e3;
    let seconds = &report.seconds;
    chart(
        html,
        "p99 of each second, ms (logarithmic)",
        true,
        seconds,
        &[
            ("event → durable reply", &|s| ms(s.reply.p99_us)),
            ("arrival → ring", &|s| ms(s.ring.p99_us)),
            ("freed → next offer", &|s| ms(s.freed.p99_us)),
            ("change → frame", &|s| ms(s.frame.p99_us)),
        ],
    );
    chart(
        html,
        "Events and calls a second",
        false,
        seconds,
        &[("events", &|s| s.events_per_s), ("calls", &|s| s.calls_per_s)],
    );
    chart(html, "Live calls", false, seconds, &[("live", &|s| s.live as f64)]);
    chart(
        html,
        "Processor, % of one core",
        false,
        seconds,
        &[("server", &|s| s.server_cpu * 100.0), ("load", &|s| s.own_cpu * 100.0)],
    );
    let mib = |s: &Second| s.server_memory as f64 / f64::from(1 << 20);
    chart(html, "The server's memory, MiB", false, seconds, &[("resident", &mib)]);
}

/// Values by time, with an axis from nothing (or, logarithmic, from a tenth) to the highest.
fn chart(html: &mut String, title: &str, log: bool, seconds: &[Second], lines: &[Line<'_>]) {
    let highest = seconds.iter().flat_map(|s| lines.iter().map(|(_, of)| of(s)));
    let highest = highest.fold(0.0, f64::max);
    if highest <= 0.0 {
        return;
    }
    let top = nice(highest, log);
    let last_s = seconds.last().map_or(1.0, |s| s.at_us as f64 / 1e6).max(1.0);
    let x = |s: &Second| LEFT + (WIDTH - LEFT) * s.at_us as f64 / 1e6 / last_s;
    let y = |value: f64| HEIGHT * (1.0 - share(value, top, log));
    let _ = write!(
        html,
        "<h2>{}</h2><svg viewBox=\"0 -16 {WIDTH} {}\" role=\"img\" aria-label=\"{}\">",
        escape(title),
        HEIGHT + BELOW + 20.0,
        escape(title)
    );
    for tick in ticks(top, log) {
        let at = y(tick);
        let _ = write!(
            html,
            "<line x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#8884\"/>\
             <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>",
            LEFT - 6.0,
            at + 4.0
        );
    }
    for (i, (name, of)) in lines.iter().enumerate() {
        let colour = COLOURS[i % COLOURS.len()];
        // A second without a value (nothing was measured) leaves no point.
        let points = seconds.iter().filter(|s| of(s) > 0.0);
        let points: Vec<String> = points.map(|s| format!("{:.1},{:.1}", x(s), y(of(s)))).collect();
        let _ = write!(
            html,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\" points=\"{}\"/>\
             <text x=\"{:.0}\" y=\"-4\" style=\"fill:{colour}\">{}</text>",
            points.join(" "),
            LEFT + 10.0 + 190.0 * i as f64,
            escape(name)
        );
    }
    let _ = write!(
        html,
        "<text x=\"{LEFT}\" y=\"{0:.0}\">0 s</text><text x=\"{WIDTH}\" y=\"{0:.0}\" \
         text-anchor=\"end\">{last_s:.0} s</text></svg>",
        HEIGHT + 18.0
    );
}

/// Where a value stands between the bottom and the top of an axis, 0 to 1.
fn share(value: f64, top: f64, log: bool) -> f64 {
    let share =
        if log { (value.max(0.1) * 10.0).log10() / (top * 10.0).log10() } else { value / top };
    share.clamp(0.0, 1.0)
}

/// The next round number: 1, 2 or 5 times a power of ten; logarithmic, a power of ten.
fn nice(highest: f64, log: bool) -> f64 {
    if log {
        return 10_f64.powf(highest.log10().ceil().max(0.0));
    }
    let power = 10_f64.powf(highest.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= highest).unwrap_or(highest)
}

fn ticks(top: f64, log: bool) -> Vec<f64> {
    if !log {
        return (0..=4).map(|i| top * f64::from(i) / 4.0).collect();
    }
    let mut tick = 0.1;
    let mut ticks = Vec::new();
    while tick <= top * 1.01 {
        ticks.push((tick * 10.0_f64).round() / 10.0);
        tick *= 10.0;
    }
    ticks
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::sample;
    use super::*;

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        let html = page(&sample());
        for word in ["<script", "src=", "href=", "http:", "https:", "@import", "url("] {
            assert!(!html.contains(word), "{word}");
        }
        assert!(html.contains("&lt;b&gt;&amp;") && !html.contains("<b>"), "what is asked is text");
        assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
        assert!(html.matches("<polyline").count() >= 2);
        assert!(!html.contains("NaN") && !html.contains("inf"));
        assert!(!html.contains("class=\"broken\""));
        let mut broken = sample();
        broken.checks.broken(Check::NoCallLost, || "c1 <x>".to_owned());
        assert!(page(&broken).contains("broken 1 times: c1 &lt;x&gt;"));
    }

    #[test]
    fn axes_end_at_round_numbers() {
        assert_eq!([0.3, 7.0, 20.0, 1_234.0].map(|h| nice(h, false)), [0.5, 10.0, 20.0, 2_000.0]);
        assert_eq!([0.3, 7.0, 120.0].map(|h| nice(h, true)), [1.0, 10.0, 1_000.0]);
        assert_eq!(ticks(10.0, true), [0.1, 1.0, 10.0]);
        assert!((share(1.0, 10.0, true) - 0.5).abs() < 1e-9);
        assert_eq!((share(0.0, 10.0, true), share(99.0, 10.0, false)), (0.0, 1.0));
    }
}
