//! What a misspelt name was meant to be.

/// The name nearest to `word` by edit distance, when one is near enough to be meant.
#[must_use]
pub fn nearest<'n>(word: &str, names: &[&'n str]) -> Option<&'n str> {
    let far = (word.chars().count() / 3).max(2);
    names
        .iter()
        .map(|name| (distance(word, name), *name))
        .filter(|(distance, name)| *distance <= far && *distance < name.chars().count())
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein's distance, bounded work: words past 64 characters count as far.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len() > 64 || b.len() > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let swap = before + usize::from(x != y);
            before = row[j + 1];
            row[j + 1] = swap.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_only_told_when_it_is_near() {
        assert_eq!(nearest("strateggy", &["strategy", "steps"]), Some("strategy"));
        assert_eq!(nearest("colour", &["strategy", "steps"]), None);
        assert_eq!(nearest("x", &["id"]), None);
    }
}
