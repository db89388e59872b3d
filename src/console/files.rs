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
    "app/main.js",
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
