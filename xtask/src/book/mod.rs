//! `cargo xtask book`: the book's listings are run, and what they print is compared with the pages.
//!
//! A listing is a block `console` of Markdown ([`listing`]). Each page has a directory of its own with the book's
//! programs in it, built; its listings run there in order. Blocks `console` of the other documents are listings too.
//! The Chinese edition ([`translation`]) has the same listings, which are not run again.
//!
//! # The book
//!
//! `docs/book` is mdBook's layout. `cargo xtask book` (`xtask/src/book`) runs each listing in a directory with the
//! book's programs and compares what is printed; it also checks what mdBook does not: links, anchors, includes,
//! pages without a place in the summary (`docs/adr/0007`). `guest/first-vmm` is built as the VMM is (`images::vmm`)
//! where a page runs it. `docs/book/zh` is the Chinese edition, whose paragraphs name the English ones that they
//! translate (`book::translation`, `docs/adr/0020`).

mod listing;
mod page;
mod shell;
mod structure;
mod translation;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use clap::Args;
use images::vmm::{self, Choice, Means, Product};
use images::{Apt, Cache};

use crate::steps::Steps;
use crate::tools::{self, Outfit};
use listing::Listing;
use page::{Block, Page};
use shell::Shell;

/// What to run, and what to do about differences.
#[derive(Args)]
pub struct Options {
    /// Write what the commands print into the pages.
    #[arg(long)]
    update: bool,

    /// Leave out the listings that boot Linux, which downloads packages.
    #[arg(long)]
    no_boot: bool,

    /// Fetch nothing: listings that would need it are left out, and counted.
    #[arg(long)]
    offline: bool,

    /// Take the Chinese pages of that name for translations of today's English ones, and run nothing.
    #[arg(long, requires = "pages")]
    translated: bool,

    /// Run this vhart, in place of the one that is built of these sources.
    #[arg(long, value_name = "FILE")]
    vhart: Option<PathBuf>,

    /// Pages to run, by the ends of their names [default: all].
    #[arg(value_name = "PAGE")]
    pages: Vec<String>,
}

/// Where the book is, from the workspace's root.
const BOOK: &str = "docs/book";

impl Options {
    /// The listings that are run.
    fn wanted(&self) -> Wanted<'_> {
        let linux = !self.no_boot && !self.offline;
        Wanted { update: self.update, linux, vhart: self.vhart.as_deref(), pages: &self.pages }
    }
}

/// Checks the pages, then runs their listings.
///
/// # Errors
/// Something is wrong with a page, or a listing prints something else and is not to be updated.
pub fn run(options: &Options) -> anyhow::Result<()> {
    if options.translated {
        return pages()?.iter().filter(|page| is_named(page, &options.pages)).try_for_each(translation::accept);
    }
    if options.update {
        translation::sync(&pages()?)?;
    }
    check_structure()?;
    let outfit = tools::without_oracle(options.offline)?;
    for left_out in run_listings(&outfit, &options.wanted())? {
        println!("left out: {left_out}");
    }
    if options.update { translation::sync(&pages()?) } else { Ok(()) }
}

/// The English pages.
fn pages() -> anyhow::Result<Vec<Page>> {
    Ok(structure::pages(&Path::new(BOOK).join("src"))?.0)
}

fn is_named(page: &Page, ends: &[String]) -> bool {
    ends.iter().any(|end| page.path.ends_with(end))
}

/// What `cargo xtask test` does at first: nothing is run.
///
/// # Errors
/// A page, link, anchor or include of the book, or a link of another document, leads nowhere.
pub fn check_structure() -> anyhow::Result<()> {
    eprintln!("== book: pages and links");
    let source = Path::new(BOOK).join("src");
    let (pages, mut wrong) = structure::pages(&source)?;
    wrong.extend(structure::broken_links(&pages, &source));
    wrong.extend(pages.iter().flat_map(structure::wrong_blocks));
    wrong.extend(translation::complaints(&pages)?);
    wrong.extend(structure::broken_links(&documents()?, Path::new("")));
    ensure!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

/// The documents that are not of the book.
fn documents() -> anyhow::Result<Vec<Page>> {
    let mut paths = structure::markdown(Path::new("docs"))?;
    paths.retain(|path| !path.starts_with(BOOK));
    paths.extend(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(PathBuf::from));
    paths.iter().map(|path| Page::read(path)).collect()
}

/// Which listings, and what to do about them.
pub struct Wanted<'a> {
    /// Write what they print into the pages.
    pub update: bool,
    /// Those too that boot Linux.
    pub linux: bool,
    /// Which vhart; else the one of these sources.
    pub vhart: Option<&'a Path>,
    /// Ends of the names of the pages; none for all.
    pub pages: &'a [String],
}

/// Runs the listings; answers what was left out.
///
/// # Errors
/// One prints something else, or ends otherwise, than the page says.
pub fn run_listings(outfit: &Outfit, wanted: &Wanted<'_>) -> anyhow::Result<Vec<String>> {
    eprintln!("== book: listings");
    if !outfit.cross {
        return Ok(vec!["the book's listings (no riscv64-linux-gnu-as)".to_owned()]);
    }
    let pages = wanted_pages(wanted)?;
    let programs = Programs::build(outfit, wanted.vhart)?;
    if wanted.linux && pages.iter().any(|page| page.text.contains(FIRST_VMM)) {
        programs.add_first_vmm()?;
    }
    let Report { left_out, wrong } = run_pages(&pages, &programs, wanted)?;
    ensure!(wrong.is_empty(), "{} (cargo xtask book --update writes what comes)", wrong.join("\n"));
    Ok(if left_out == 0 { Vec::new() } else { vec![format!("{left_out} listings of the book that boot Linux")] })
}

/// The book's pages, and the other documents that have listings.
fn wanted_pages(wanted: &Wanted<'_>) -> anyhow::Result<Vec<Page>> {
    let mut pages = pages()?;
    pages.extend(documents()?);
    pages.retain(|page| wanted.pages.is_empty() || is_named(page, wanted.pages));
    Ok(pages)
}

/// Runs each page in a directory of its own.
fn run_pages(pages: &[Page], programs: &Programs, wanted: &Wanted<'_>) -> anyhow::Result<Report> {
    let mut all = Report::default();
    for page in pages {
        let report = run_page(page, &programs.shell()?, wanted)?;
        all.left_out += report.left_out;
        all.wrong.extend(report.wrong);
    }
    Ok(all)
}

/// The program of `guest/first-vmm`, as the page about it calls it.
const FIRST_VMM: &str = "first-vmm";

/// The book's programs, built, and vhart.
struct Programs {
    built: Shell,
    /// A directory with vhart in it and nothing else.
    vhart: tempfile::TempDir,
    path: std::ffi::OsString,
}

impl Programs {
    fn build(outfit: &Outfit, vhart: Option<&Path>) -> anyhow::Result<Programs> {
        let vhart = vhart.map_or_else(build_vhart, |given| Ok(given.to_owned()))?;
        let program = vhart.canonicalize().with_context(|| vhart.display().to_string())?;
        let vhart = tempfile::tempdir()?;
        std::os::unix::fs::symlink(program, vhart.path().join("vhart"))?;
        let built = Shell::new(&Path::new(BOOK).join("programs"), vhart.path(), &outfit.path)?;
        match built.run("sh build")? {
            (_, 0) => Ok(Programs { built, vhart, path: outfit.path.clone() }),
            (said, _) => bail!("{BOOK}/programs/build failed:\n{said}"),
        }
    }

    /// Adds the program that runs in the host Linux.
    fn add_first_vmm(&self) -> anyhow::Result<()> {
        let (workspace, cache, apt) = (crate::vmm::workspace()?, Cache::of_user()?, Apt::default());
        let product = Product::FirstVmm;
        let means = Means { product, workspace: Some(&workspace), cache: &cache, apt: &apt, progress: &Steps };
        let program = vmm::get(&Choice::Built, means)?;
        let place = self.built.directory().join(FIRST_VMM);
        std::fs::copy(&program, &place).with_context(|| program.display().to_string())?;
        std::fs::set_permissions(&place, Permissions::from_mode(0o755)).context("cannot make it executable")?;
        self.prepare_exec()
    }

    /// Has vhart make what the first run of a program needs, so that no listing tells of it.
    fn prepare_exec(&self) -> anyhow::Result<()> {
        let (said, status) = self.built.run("vhart exec --share . -- true")?;
        ensure!(status == 0, "no program runs by vhart exec:\n{said}");
        Ok(())
    }

    /// A place for a page, with the programs in it.
    fn shell(&self) -> anyhow::Result<Shell> {
        Shell::new(self.built.directory(), self.vhart.path(), &self.path)
    }
}

/// The program of these sources.
fn build_vhart() -> anyhow::Result<PathBuf> {
    let status = Command::new("cargo").args(["build", "--release", "--quiet", "-p", "vhart"]).status();
    ensure!(status.context("cannot run cargo")?.success(), "vhart cannot be built");
    Ok(PathBuf::from("target/release/vhart"))
}

/// What came of a page.
#[derive(Default)]
struct Report {
    left_out: usize,
    wrong: Vec<String>,
}

fn run_page(page: &Page, shell: &Shell, wanted: &Wanted<'_>) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let mut updated: Vec<(&Block, String)> = Vec::new();
    let is_listing = |block: &&Block| block.info.split(',').next() == Some(listing::LANGUAGE);
    for block in page.blocks.iter().filter(is_listing) {
        let place = page.place(block.line);
        let mut listing = Listing::parse(&block.info, page.body(block)).with_context(|| place.clone())?;
        if listing.linux && !wanted.linux {
            report.left_out += 1;
            continue;
        }
        eprintln!("{place}");
        let differences = run_listing(&mut listing, shell).with_context(|| place.clone())?;
        match wanted.update {
            true if !differences.is_empty() => updated.push((block, listing.body())),
            true => {}
            false => report.wrong.extend(differences.iter().map(|what| format!("{place}: {what}"))),
        }
    }
    write(page, &updated)?;
    Ok(report)
}

/// What a command prints, which is to end with that status.
fn output(shell: &Shell, typed: &str, wanted: i32) -> anyhow::Result<String> {
    let (output, status) = shell.run(typed)?;
    ensure!(status == wanted, "'{typed}' ended with status {status}, not {wanted}:\n{output}");
    Ok(output)
}

/// Runs a listing's commands; says where they print other things, which the listing has after that.
fn run_listing(listing: &mut Listing, shell: &Shell) -> anyhow::Result<Vec<String>> {
    let mut differences = Vec::new();
    for at in 0..listing.steps.len() {
        let step = &listing.steps[at];
        let wanted = if at + 1 == listing.steps.len() { listing.status } else { 0 };
        let output = output(shell, &step.typed, wanted)?;
        if !listing.agrees(step, &output) {
            differences.push(format!("'{}' printed\n{}", step.typed, difference(&step.output, &output)));
            listing.steps[at].output = output;
        }
    }
    Ok(differences)
}

/// The lines of both, from the first that differs.
fn difference(page: &str, output: &str) -> String {
    let same = page.lines().zip(output.lines()).take_while(|(a, b)| a == b).count();
    let rest = |mark: &str, text: &str| -> String {
        text.lines().skip(same).take(10).map(|line| format!("{mark} {line}\n")).collect()
    };
    format!("(-: the page, +: now; after {same} lines that agree)\n{}{}", rest("-", page), rest("+", output))
}

/// Puts new bodies into a page's blocks.
fn write(page: &Page, updated: &[(&Block, String)]) -> anyhow::Result<()> {
    let mut text = page.text.clone();
    for (block, body) in updated.iter().rev() {
        ensure!(!body.contains("```"), "{}: the output has a fence in it", page.place(block.line));
        text.replace_range(block.body.clone(), body);
    }
    if !updated.is_empty() {
        eprintln!("{}: {} listings updated", page.path.display(), updated.len());
        std::fs::write(&page.path, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Try {
        directory: tempfile::TempDir,
        shell: Shell,
    }

    impl Try {
        fn new() -> Try {
            let directory = tempfile::tempdir().unwrap();
            let shell = Shell::new(directory.path(), Path::new("/none"), "/usr/bin:/bin".as_ref()).unwrap();
            Try { directory, shell }
        }

        /// Runs a page; answers what is wrong, what was left out, and the page's text after it.
        fn run(&self, text: &str, update: bool) -> anyhow::Result<(Vec<String>, usize, String)> {
            let path = self.directory.path().join("page.md");
            std::fs::write(&path, text)?;
            let wanted = Wanted { update, linux: false, vhart: None, pages: &[] };
            let report = run_page(&Page::read(&path)?, &self.shell, &wanted)?;
            Ok((report.wrong, report.left_out, std::fs::read_to_string(path)?))
        }
    }

    const GOOD: &str = "# Page\n\n```console\n$ echo one\none\n$ echo two; exit 0\ntwo\n```\n";

    #[test]
    fn a_listing_that_is_true_passes_and_stays() {
        assert_eq!(Try::new().run(GOOD, false).unwrap(), (vec![], 0, GOOD.to_owned()));
        assert_eq!(Try::new().run(GOOD, true).unwrap().2, GOOD);
    }

    #[test]
    fn a_listing_that_is_false_fails_with_its_place_and_both_texts() {
        let (wrong, _, _) = Try::new().run(&GOOD.replace("\ntwo\n", "\nthree\n"), false).unwrap();
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].contains("page.md:3: 'echo two; exit 0' printed"), "{}", wrong[0]);
        assert!(wrong[0].ends_with("- three\n+ two\n"), "{}", wrong[0]);
    }

    #[test]
    fn output_that_is_missing_or_too_much_fails() {
        for text in [GOOD.replace("\none\n", "\n"), GOOD.replace("\ntwo\n", "\ntwo\n\n")] {
            assert_eq!(Try::new().run(&text, false).unwrap().0.len(), 1, "{text}");
        }
    }

    #[test]
    fn another_status_fails_even_when_updating() {
        for (text, why) in
            [(GOOD.replace("exit 0", "exit 4"), "status 4"), (GOOD.replace("le\n", "le,status=1\n"), "not 1")]
        {
            let error = format!("{:#}", Try::new().run(&text, true).unwrap_err());
            assert!(error.contains("page.md:3") && error.contains(why), "{error}");
        }
    }

    #[test]
    fn update_writes_what_comes_and_nothing_else() {
        let stale = GOOD.replace("\none\n", "\nold\n").replace("\ntwo\n", "\n");
        assert_eq!(Try::new().run(&(stale.clone() + &stale), true).unwrap().2, GOOD.to_owned() + GOOD);
    }

    #[test]
    fn update_leaves_numbers_that_vary() {
        let text = "```console,varies\n$ echo it took 2.5 s\nit took 17 s\n```\n";
        assert_eq!(Try::new().run(text, true).unwrap().2, text);
        let (wrong, _, _) = Try::new().run(&text.replace("it took 17", "it takes 17"), false).unwrap();
        assert_eq!(wrong.len(), 1);
    }

    #[test]
    fn what_boots_linux_is_left_out_and_counted() {
        let text = "```console,linux\n$ vhart linux --check\nfalse\n```\n";
        assert_eq!(Try::new().run(text, false).unwrap(), (vec![], 1, text.to_owned()));
    }
}
