//! The sources of the workspace as they are parsed: each file with the module that it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context;
use syn::{Attribute, Item};

/// A module's path in its crate.
pub type Module = Vec<String>;

/// A file of a crate, without what only tests are made of.
pub struct Source {
    /// Its path in the workspace.
    pub path: String,
    /// The module that it is.
    pub module: Module,
    /// Its lines, those of its tests left out.
    pub lines: usize,
    /// What it declares.
    pub items: Vec<Item>,
}

/// The folders of crates: those in `crates` and `guest`, and this one.
pub fn crates(workspace: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = vec![workspace.join("xtask")];
    for folder in ["crates", "guest"] {
        let entries = std::fs::read_dir(workspace.join(folder)).with_context(|| format!("cannot read {folder}"))?;
        found.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    }
    found.retain(|path| path.join("Cargo.toml").is_file());
    found.sort();
    Ok(found)
}

/// The files of the crate in a folder.
pub fn of_crate(workspace: &Path, folder: &Path) -> anyhow::Result<Vec<Source>> {
    let root = folder.join("src");
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    let parsed = files.iter().map(|file| parse(workspace, &root, file)).collect::<anyhow::Result<Vec<_>>>()?;
    let of_tests: BTreeSet<Module> = parsed.iter().flat_map(|source| source.of_tests.iter().cloned()).collect();
    let is_of_tests = |module: &Module| (1..=module.len()).any(|len| of_tests.contains(&module[..len]));
    Ok(parsed.into_iter().map(|parsed| parsed.source).filter(|source| !is_of_tests(&source.module)).collect())
}

/// Appends the Rust files below a folder.
pub fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(())
}

/// A file, and the modules that it declares for tests alone.
struct Parsed {
    source: Source,
    of_tests: Vec<Module>,
}

fn parse(workspace: &Path, root: &Path, file: &Path) -> anyhow::Result<Parsed> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let path = file.strip_prefix(workspace).unwrap_or(file).display().to_string();
    let parsed = syn::parse_file(&text).with_context(|| format!("{path} is no Rust"))?;
    let module = module_of(root, file);
    let (tests, items): (Vec<Item>, Vec<Item>) = parsed.items.into_iter().partition(is_for_tests);
    let lines = text.lines().count() - tests.iter().map(lines).sum::<usize>();
    let of_tests = tests.iter().filter_map(|item| {
        let Item::Mod(child) = item else { return None };
        Some([&module[..], &[child.ident.to_string()]].concat())
    });
    let of_tests = of_tests.collect();
    Ok(Parsed { source: Source { path, module, lines, items }, of_tests })
}

/// The module that a file is.
fn module_of(root: &Path, file: &Path) -> Module {
    let inside = file.strip_prefix(root).unwrap_or(file).with_extension("");
    let mut module: Module = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

/// The lines of a module that is written out in its file, with its attribute.
fn lines(item: &Item) -> usize {
    let Item::Mod(module) = item else { return 0 };
    let written = module.content.as_ref();
    written.map_or(0, |(brace, _)| brace.span.close().end().line + 2 - module.mod_token.span.start().line)
}

/// Whether an item is there for tests alone.
fn is_for_tests(item: &Item) -> bool {
    let attributes: &[Attribute] = match item {
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        _ => &[],
    };
    attributes.iter().any(is_cfg_test)
}

fn is_cfg_test(attribute: &Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return false };
    let what = list.tokens.to_string();
    list.path.is_ident("cfg") && (what == "test" || what.starts_with("any (test"))
}

/// Files by module.
pub fn by_module(sources: &[Source]) -> BTreeMap<&[String], usize> {
    sources.iter().enumerate().map(|(at, source)| (&source.module[..], at)).collect()
}
