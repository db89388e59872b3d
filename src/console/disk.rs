//! The console's files from a folder, read anew at each request: who edits them saves and reloads.

use crate::console::pack::Pack;
use std::fs;
#[cfg(test)]
use std::path::PathBuf;
use std::path::{Component, Path};

/// Reads one file below `folder`, by its path in it. What cannot be read is not there.
pub fn read(folder: &Path, path: &str) -> Pack {
    let inside = Path::new(path);
    let is_inside = inside.components().all(|part| matches!(part, Component::Normal(_)));
    let content = if is_inside { fs::read(folder.join(inside)).ok() } else { None };
    match content {
        Some(content) => Pack::changing(&[(path, &content)]),
        None => Pack::changing(&[]),
    }
}

/// All files below a folder, in the order of their names.
#[cfg(test)]
pub fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { walk(&path, into) } else { into.push(path) }
    }
}
