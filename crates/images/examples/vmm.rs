//! Builds the VMM with what a cache and an archive have: `vmm [SUITE]`.

use std::path::Path;

use images::vmm::{self, Choice, Means, Product};
use images::{Apt, Cache, Progress};

struct Stderr;

impl Progress for Stderr {
    fn begin(&self, what: &str) {
        eprintln!("{what}");
    }
    fn fraction(&self, _done: f64) {}
    fn end(&self) {}
    fn note(&self, text: &str) {
        eprintln!("note: {text}");
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut apt = Apt::default();
    apt.suite = std::env::args().nth(1).unwrap_or(apt.suite);
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    println!("the ready one is of these sources: {}", vmm::ready_record(Product::Vmm)?.fits(&workspace)?);
    let cache = Cache::of_user()?;
    let means =
        Means { product: Product::Vmm, workspace: Some(&workspace), cache: &cache, apt: &apt, progress: &Stderr };
    println!("{}", vmm::get(&Choice::Built, means)?.display());
    Ok(())
}
