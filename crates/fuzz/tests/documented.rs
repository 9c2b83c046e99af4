//! `docs/fuzzing.md` has every target: what it holds, and how long it has been at it.

use fuzz::TARGETS;

#[test]
fn every_target_has_a_row_in_both_tables() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/fuzzing.md");
    let text = std::fs::read_to_string(path).unwrap();
    for target in TARGETS {
        let name = format!("`{}`", target.name);
        let first =
            |line: &&str| line.starts_with("| ") && line.split('|').nth(1).is_some_and(|cell| cell.contains(&name));
        assert_eq!(text.lines().filter(first).count(), 2, "{name}");
    }
}
