//! The page of CSRs in the documentation is what the tables say.

#[path = "../examples/csrs.rs"]
#[allow(dead_code, reason = "its main function prints the page")]
mod csrs;

const PAGE: &str = include_str!("../../../docs/csrs.md");

#[test]
fn the_page_of_csrs_is_that_of_the_tables() {
    let made = csrs::page();
    let differing = made.lines().zip(PAGE.lines()).find(|(made, committed)| made != committed);
    let how = "cargo run -p vhart-privileged --example csrs > docs/csrs.md";
    assert!(made == PAGE, "docs/csrs.md is old, first in {differing:?}: {how}");
}
