//! The check of sizes: files that are no tables, and functions.
//!
//! A function's size is its lines, from the one that names it to its last; tests are not counted.

use syn::visit::{self, Visit};

use super::sources::Source;

/// Lines of a file at most.
const MOST_LINES: usize = 500;
/// Lines of a function at most.
const MOST_OF_FUNCTION: usize = 60;
/// The lines that so many percent of functions have at most.
const SHARES: [(usize, usize); 2] = [(50, 6), (90, 15)];

/// Files and functions that may be longer, and why.
const TABLES: &[(&str, &str)] = &[
    ("crates/explain/src/why.rs", "a sentence for each reason"),
    ("crates/fuzz/src/targets/virtio.rs", "what drivers do wrong, a device each"),
    ("crates/privileged/src/state.rs: reset", "a value for each register"),
    ("crates/trace/src/text.rs: body", "a line for each event"),
    ("guest/hypervisor/src/control/guests.rs", "all that is done to guests"),
];

fn is_table(name: &str) -> bool {
    TABLES.iter().any(|(table, _)| name == *table)
}

/// A function, with its lines.
pub struct Function {
    lines: usize,
    name: String,
    /// The line that names it.
    at: usize,
}

/// What is wrong with the files themselves.
pub fn check_file(source: &Source) -> Option<String> {
    (source.lines > MOST_LINES && !is_table(&source.path))
        .then(|| format!("{}: {} lines are too many for a file", source.path, source.lines))
}

/// The functions of a file.
pub fn functions(source: &Source) -> Vec<Function> {
    let mut found = Found { path: &source.path, functions: Vec::new() };
    source.items.iter().for_each(|item| found.visit_item(item));
    found.functions
}

/// What is wrong with all of them.
pub fn check(mut functions: Vec<Function>) -> Vec<String> {
    functions.sort_by_key(|function| function.lines);
    let long = functions.iter().filter(|function| function.lines > MOST_OF_FUNCTION && !is_table(&function.name));
    let mut wrong: Vec<String> = long
        .map(|function| format!("{}: {} lines are too many for a function", function.name, function.lines))
        .collect();
    wrong.extend(SHARES.iter().filter_map(|&(percent, most)| {
        let lines = functions.get(functions.len() * percent / 100)?.lines;
        (lines > most).then(|| format!("{percent} % of functions have up to {lines} lines, not {most}"))
    }));
    wrong
}

/// Those of so many lines or more, each with its place, the longest last.
pub fn list(mut functions: Vec<Function>, least: usize) -> Vec<String> {
    functions.retain(|function| function.lines >= least);
    functions.sort_by_key(|function| function.lines);
    functions.iter().map(|function| format!("{:4} {}, line {}", function.lines, function.name, function.at)).collect()
}

/// A sentence on the sizes.
pub fn summary(functions: &[Function]) -> String {
    let mut lines: Vec<usize> = functions.iter().map(|function| function.lines).collect();
    lines.sort_unstable();
    let at = |percent: usize| lines.get(lines.len() * percent / 100).copied().unwrap_or_default();
    let (count, most) = (lines.len(), lines.last().copied().unwrap_or_default());
    format!("{count} functions: half have up to {} lines, nine in ten up to {}, the longest {most}", at(50), at(90))
}

struct Found<'a> {
    path: &'a str,
    functions: Vec<Function>,
}

impl Found<'_> {
    fn note(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let at = signature.fn_token.span.start().line;
        let lines = block.brace_token.span.close().end().line + 1 - at;
        self.functions.push(Function { lines, name: format!("{}: {}", self.path, signature.ident), at });
    }
}

impl Visit<'_> for Found<'_> {
    fn visit_item_fn(&mut self, item: &syn::ItemFn) {
        self.note(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &syn::ImplItemFn) {
        self.note(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.note(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<Function> {
        let items = syn::parse_file(text).unwrap().items;
        functions(&Source { path: "a.rs".to_owned(), module: Vec::new(), lines: text.lines().count(), items })
    }

    #[test]
    fn functions_are_counted_from_their_names_on() {
        let found = of("/// Doc.\n#[inline]\nfn f() {\n    g();\n}\ntrait T {\n    fn h();\n    fn i() {}\n}\n");
        assert_eq!(found.iter().map(|function| function.lines).collect::<Vec<_>>(), [3, 1]);
    }

    #[test]
    fn functions_are_listed_with_their_places() {
        let text = "fn f() {}\n\nfn g() {\n    f();\n}\n\nimpl S {\n    fn h() {\n    }\n}\n";
        assert_eq!(list(of(text), 2), ["   2 a.rs: h, line 8", "   3 a.rs: g, line 3"]);
    }

    #[test]
    fn a_long_function_and_many_middling_ones_are_refused() {
        let long = format!("fn f() {{\n{}}}\n", "    g();\n".repeat(MOST_OF_FUNCTION));
        assert!(check(of(&long))[0].starts_with("a.rs: f: 62 lines"));
        let middling = format!("fn f() {{\n{}}}\n", "    g();\n".repeat(6)).repeat(3);
        assert_eq!(check(of(&middling)), ["50 % of functions have up to 8 lines, not 6"]);
    }

    #[test]
    fn a_long_file_is_refused() {
        let source = |lines| Source { path: "a.rs".to_owned(), module: Vec::new(), lines, items: Vec::new() };
        assert!(check_file(&source(MOST_LINES + 1)).is_some() && check_file(&source(MOST_LINES)).is_none());
    }
}
