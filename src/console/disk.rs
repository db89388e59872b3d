//! The console's files from a folder, read anew at each request: who edits them saves and reloads.

use crate::console::pack::Pack;
use std::fs;
use std::path::{Path, PathBuf};

/// Reads all files below `folder`. What cannot be read is not there.
pub fn read(folder: &Path) -> Pack {
    let mut paths = Vec::new();
    walk(folder, &mut paths);
    let files: Vec<(String, Vec<u8>)> = paths
        .iter()
        .filter_map(|path| {
            let inside = path.strip_prefix(folder).ok()?.to_str()?.to_owned();
            Some((inside, fs::read(path).ok()?))
        })
        .collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
    Pack::changing(&files)
}

/// All files below a folder, in the order of their names.
pub fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { walk(&path, into) } else { into.push(path) }
    }
}
