//! `--report`: a page for people that needs no other file, and tables for programs.

mod markdown;
mod page;

use std::path::Path;

use anyhow::{Context, Result};

use super::csv;
use super::model::Results;
use super::summary::Summaries;
use crate::errors;

/// Sees to it that there is such a directory.
///
/// # Errors
/// There cannot be.
pub fn prepare(directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make directory '{}'", directory.display()))?;
    errors::check_file("report", &directory.join("index.html"))
}

/// Writes the page, and the results as CSV, Markdown and JSON.
///
/// # Errors
/// A file cannot be written.
pub fn write(results: &Results, directory: &Path) -> Result<()> {
    let summaries = Summaries::of(results);
    let lines: String = csv::lines(results, &summaries).map(|line| line + "\n").collect();
    let files = [
        ("index.html", page::text(results, &summaries)),
        ("results.csv", format!("{}\n{lines}", csv::heading())),
        ("costs.csv", csv::costs(&summaries)),
        ("results.md", markdown::text(results, &summaries)),
        ("results.json", results.text()?),
    ];
    files.iter().try_for_each(|(name, text)| errors::write_file("report", &directory.join(name), text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::model::tests::results;
    use super::*;

    #[test]
    fn a_directory_gets_the_page_and_both_tables() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("a/b");
        let results = results(&[("sort", "host", &[1.0, 2.0, 3.0])]);
        prepare(&directory).unwrap();
        write(&results, &directory).unwrap();
        assert_eq!(Results::read(&directory.join("results.json")).unwrap(), results);
        let csv = std::fs::read_to_string(directory.join("results.csv")).unwrap();
        assert_eq!(csv.lines().nth(1), Some("sort,integer,host,3,2,1,3,,,,,"));
        assert!(std::fs::read_to_string(directory.join("index.html")).unwrap().starts_with("<!DOCTYPE html>"));
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let place = tempfile::NamedTempFile::new().unwrap();
        let why = format!("{:#}", prepare(&place.path().join("out")).unwrap_err());
        assert!(why.starts_with("cannot make directory"), "{why}");
    }
}
