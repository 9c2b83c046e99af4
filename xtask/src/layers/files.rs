//! The check that files of a crate do not use each other in a circle.
//!
//! A file uses another where a path in it, of an import or anywhere else, leads to what the other declares. That it
//! declares the other as its module, or shows what is in it to others, is no use; nor is what it takes from the modules
//! that it is in, for they are there before it. Methods are not seen: a path to their type is.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Item, UseTree, Visibility};

use super::sources::{Module, Source, by_module};

/// Circles that there are reasons for: what the paths of their files begin with, one of these each, and the reason.
const ARGUED: &[(&[&str], &str)] = &[
    (HART, "each part of a hart has the methods of `Core` that serve it, and `Core` has the parts"),
    (IMAGES, "the cache keeps what is fetched and made, whoever asks for it, and knows what that is"),
    (
        &["crates/jit/src/x64/emit", "crates/jit/src/x64/float"],
        "a value that an instruction keeps may be one that is due",
    ),
    (&["crates/kvm/src/riscv64/"], "a machine of the host's makes its harts, and its harts know it"),
    (&["crates/privileged/src/"], "a CSR's row names what it does, and what it does is said of CSRs"),
    (&["crates/vcpu/src/imsic", "crates/vcpu/src/pins"], "interrupt files raise pins, and pins have the files"),
    (&["crates/vhart/src/cli/qemu/"], "each option of QEMU's line may ask what else is on the line"),
    (COMMANDS, "options say what they become"),
    (&["crates/virtio/src/console/"], "a line ends at a port, and a port has a line"),
    (&["crates/virtio/src/share/"], "attributes of a directory's files are asked for by names in it"),
    (&["guest/checks/src/"], "each check leaves by the machine's one way out, which knows the checks"),
    (&["guest/hypervisor/src/"], "what traps may be caused anywhere, and whoever handles them goes on anywhere"),
];

/// What fetches, makes and keeps images.
const IMAGES: &[&str] = &[
    "crates/images/src/archive",
    "crates/images/src/cache",
    "crates/images/src/debian",
    "crates/images/src/request",
    "crates/images/src/tree",
];

/// The options of commands, and what makes machines of them.
const COMMANDS: &[&str] = &[
    "crates/vhart/src/bench/",
    "crates/vhart/src/cli",
    "crates/vhart/src/devices",
    "crates/vhart/src/engine",
    "crates/vhart/src/exec/options",
    "crates/vhart/src/hypervisor/",
    "crates/vhart/src/images",
    "crates/vhart/src/linux",
    "crates/vhart/src/onlookers",
    "crates/vhart/src/ports",
    "crates/vhart/src/run",
    "crates/vhart/src/serial",
    "crates/vhart/src/snapshots",
];

/// The files of a hart that have methods of `Core`, and those that they are made of.
const HART: &[&str] = &[
    "crates/hart/src/access.rs",
    "crates/hart/src/atomic.rs",
    "crates/hart/src/blocks.rs",
    "crates/hart/src/core.rs",
    "crates/hart/src/debug.rs",
    "crates/hart/src/exec",
    "crates/hart/src/faults.rs",
    "crates/hart/src/hart.rs",
    "crates/hart/src/loops.rs",
    "crates/hart/src/roots.rs",
    "crates/hart/src/statistics.rs",
    "crates/hart/src/watch.rs",
];

/// What is wrong with the files of a crate.
pub fn check(sources: &[Source]) -> Vec<String> {
    let is_argued = |circle: &[&str]| ARGUED.iter().any(|(prefixes, _)| is_within(circle, prefixes));
    let told = |circle: Vec<&str>| format!("a circle of files: {}", circle.join(", "));
    circles(sources).into_iter().filter(|circle| !is_argued(circle)).map(told).collect()
}

fn is_within(circle: &[&str], prefixes: &[&str]) -> bool {
    circle.iter().all(|path| prefixes.iter().any(|prefix| path.starts_with(prefix)))
}

/// The largest sets of files each of which uses all others, directly or not.
fn circles(sources: &[Source]) -> Vec<Vec<&str>> {
    let uses = uses(sources);
    let reach: Vec<BTreeSet<usize>> = (0..sources.len()).map(|from| reached(&uses, from)).collect();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for from in 0..sources.len() {
        let circle: Vec<usize> = reach[from].iter().copied().filter(|&to| reach[to].contains(&from)).collect();
        if circle.len() > 1 && seen.insert(circle.clone()) {
            found.push(circle.into_iter().map(|at| &sources[at].path[..]).collect());
        }
    }
    found
}

fn reached(uses: &[BTreeSet<usize>], from: usize) -> BTreeSet<usize> {
    let (mut reached, mut left) = (BTreeSet::new(), vec![from]);
    while let Some(at) = left.pop() {
        left.extend(uses[at].iter().copied().filter(|&to| reached.insert(to)));
    }
    reached
}

/// What each file uses.
fn uses(sources: &[Source]) -> Vec<BTreeSet<usize>> {
    let files = by_module(sources);
    let paths: Vec<Paths> = sources.iter().map(Paths::of).collect();
    let shown: Vec<&BTreeMap<String, Module>> = paths.iter().map(|paths| &paths.shown).collect();
    let lookup = Lookup { files, shown };
    let used = |(at, paths): (usize, &Paths)| {
        let targets = paths.used.iter().filter_map(|path| lookup.file(path, 0));
        targets.filter(|&to| !sources[at].module.starts_with(&sources[to].module)).collect()
    };
    paths.iter().enumerate().map(used).collect()
}

/// Where paths lead.
struct Lookup<'a> {
    files: BTreeMap<&'a [String], usize>,
    /// By file, what it shows of others.
    shown: Vec<&'a BTreeMap<String, Module>>,
}

impl Lookup<'_> {
    /// The file that declares what an absolute path leads to.
    fn file(&self, path: &[String], depth: usize) -> Option<usize> {
        const MOST_HOPS: usize = 8;
        let len = (0..=path.len()).rev().find(|&len| self.files.contains_key(&path[..len]))?;
        let file = *self.files.get(&path[..len])?;
        let item = path.get(len).and_then(|name| self.shown[file].get(name));
        match item {
            Some(elsewhere) if depth < MOST_HOPS => self.file(elsewhere, depth + 1),
            _ => Some(file),
        }
    }
}

/// The paths of a file, made absolute in its crate.
struct Paths {
    module: Module,
    children: BTreeSet<String>,
    /// Those that are used.
    used: Vec<Module>,
    /// Those that are shown to others, by name.
    shown: BTreeMap<String, Module>,
}

impl Paths {
    fn of(source: &Source) -> Paths {
        let children = source.items.iter().filter_map(|item| match item {
            Item::Mod(child) => Some(child.ident.to_string()),
            _ => None,
        });
        let children = children.collect();
        let mut paths = Paths { module: source.module.clone(), children, used: Vec::new(), shown: BTreeMap::new() };
        source.items.iter().for_each(|item| paths.visit_item(item));
        paths
    }

    /// The absolute path, if it is one of the crate's.
    fn absolute(&self, path: &[String]) -> Option<Module> {
        let first = path.first()?;
        let supers = path.iter().take_while(|part| *part == "super").count();
        match first.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([&self.module[..], &path[1..]].concat()),
            "super" => Some([self.module.get(..self.module.len().checked_sub(supers)?)?, &path[supers..]].concat()),
            _ if self.children.contains(first) || self.shown.contains_key(first) => {
                Some([&self.module[..], path].concat())
            }
            _ => None,
        }
    }

    fn note(&mut self, path: &[String]) {
        self.used.extend(self.absolute(path));
    }

    /// Notes what a `use` names.
    fn import(&mut self, tree: &UseTree, before: &mut Module, is_shown: bool) {
        let (name, path) = match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(&path.tree, before, is_shown);
                before.pop();
                return;
            }
            UseTree::Group(group) => return group.items.iter().for_each(|tree| self.import(tree, before, is_shown)),
            UseTree::Name(name) => (name.ident.to_string(), name.ident.to_string()),
            UseTree::Rename(rename) => (rename.rename.to_string(), rename.ident.to_string()),
            UseTree::Glob(_) => (String::new(), "*".to_owned()),
        };
        let path = [&before[..], &[path]].concat();
        match self.absolute(&path) {
            Some(path) if is_shown => _ = self.shown.insert(name, path),
            Some(path) => self.used.push(path),
            None => {}
        }
    }

    /// Notes the paths in what a macro is given.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Module = Vec::new();
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => path.push(ident.to_string()),
                TokenTree::Punct(colon) if colon.as_char() == ':' && !path.is_empty() => {}
                other => {
                    self.note(&std::mem::take(&mut path));
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.note(&path);
    }
}

impl Visit<'_> for Paths {
    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        let is_shown = !matches!(item.vis, Visibility::Inherited);
        self.import(&item.tree, &mut Vec::new(), is_shown);
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let parts: Module = path.segments.iter().map(|part| part.ident.to_string()).collect();
        self.note(&parts);
        visit::visit_path(self, path);
    }

    /// A module within the file: `super` is the file itself.
    fn visit_item_mod(&mut self, item: &syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_macro(&mut self, called: &syn::Macro) {
        self.tokens(called.tokens.clone());
    }

    fn visit_attribute(&mut self, _: &syn::Attribute) {}

    fn visit_visibility(&mut self, _: &Visibility) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, module: &[&str], text: &str) -> Source {
        let module = module.iter().map(|part| (*part).to_owned()).collect();
        Source { path: path.to_owned(), module, lines: 1, items: syn::parse_file(text).unwrap().items }
    }

    #[test]
    fn files_that_use_each_other_by_any_path_are_a_circle() {
        let sources = [
            source("lib.rs", &[], "mod a; mod b; mod c; pub use a::One;"),
            source("a.rs", &["a"], "pub struct One(super::b::Two);"),
            source("b.rs", &["b"], "use crate::One; pub struct Two; fn f() { let _ = crate::c::Three; }"),
            source("c.rs", &["c"], "pub struct Three;"),
        ];
        assert_eq!(circles(&sources), [["a.rs", "b.rs"]]);
        assert_eq!(check(&sources), ["a circle of files: a.rs, b.rs"]);
    }

    #[test]
    fn a_module_may_use_what_it_is_in_but_not_what_is_beside_it_and_uses_it() {
        let parent = "mod child; mod other; struct Here; fn f() { child::g(); }";
        let child = source("child.rs", &["child"], "use super::Here; use super::other::h; pub fn g() {}");
        let other = |text| source("other.rs", &["other"], text);
        let sources = [source("lib.rs", &[], parent), child, other("pub fn h() {}")];
        assert!(circles(&sources).is_empty());
        let [root, child, _] = sources;
        let sources = [root, child, other("use super::child::g; pub fn h() {}")];
        assert_eq!(circles(&sources), [["child.rs", "other.rs"]]);
    }

    #[test]
    fn what_macros_are_given_is_read() {
        let sources = [
            source("lib.rs", &[], "mod a; mod b;"),
            source("a.rs", &["a"], "fn f() { assert!(crate::b::g() > 1); }"),
            source("b.rs", &["b"], "pub fn g() -> u8 { crate::a::f() }"),
        ];
        assert_eq!(circles(&sources).len(), 1);
    }
}
