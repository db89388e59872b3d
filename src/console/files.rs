//! Which files are in the binary. A test keeps the table as the folder is.

/// Each path with what it holds.
macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!("static/", $path)).as_slice())),*]
    };
}

/// Path in `static/`, content; sorted by path.
#[rustfmt::skip]
pub static FILES: &[(&str, &[u8])] = files![
    "app/actions.js",
    "app/fmt.js",
    "app/live.js",
    "app/live/agents.js",
    "app/live/bulk.js",
    "app/live/drawer.js",
    "app/live/editview.js",
    "app/live/kpis.js",
    "app/live/level.js",
    "app/live/tiles.js",
    "app/live/view.js",
    "app/live/worst.js",
    "app/main.js",
    "app/pages/call.js",
    "app/pages/desk.js",
    "app/pages/live.js",
    "app/pages/queue.js",
    "app/pages/signin.js",
    "app/pages/staff.js",
    "app/pages/start.js",
    "app/pages/wall.js",
    "app/pages/welcome.js",
    "app/route.js",
    "app/session.js",
    "app/store/agents.js",
    "app/store/board.js",
    "app/store/clock.js",
    "app/store/desk.js",
    "app/store/directory.js",
    "app/store/feed.js",
    "app/store/figures.js",
    "app/store/history.js",
    "app/store/prefs.js",
    "app/store/words.js",
    "app/ui/chart.js",
    "app/ui/dialog.js",
    "app/ui/grid.js",
    "app/ui/html.js",
    "app/ui/parts.js",
    "app/ui/shell.js",
    "app/ui/sound.js",
    "app/ui/toast.js",
    "css/base.css",
    "css/live.css",
    "css/pages.css",
    "css/tokens.css",
    "icon.svg",
    "index.html",
    "vendor/htm.js",
    "vendor/inter.woff2",
    "vendor/preact-hooks.js",
    "vendor/preact.js",
    "vendor/signals-core.js",
    "vendor/signals.js",
    "vendor/uplot.css",
    "vendor/uplot.js",
];
