//! The check that tests take from `kit` what it has: whoever writes another finds out here that there is one.
//!
//! Test code is what is in folders and files of tests, behind `#[cfg(test)]`, and the crates that test others. It is
//! read as text.

use std::path::Path;

use anyhow::Context;

/// What test code does not have in it, what it is, and what there is instead.
const KIT_HAS: &[(&str, &str, &str)] = &[
    ("EmulatedHart for ", "a hart of its own", "kit::FakeHart"),
    ("IrqSink for ", "a wire of its own", "kit::Wire"),
    ("MsiSink for ", "a receiver of messages of its own", "kit::Messages"),
    (" Engine for ", "an engine of its own", "kit::By, kit::Fakes or kit::NoHarts"),
    ("crowded: false", "all parts of a hart", "kit::alone or kit::one_of_many"),
    (".core.x[", "a register by its place in the hart", "kit::Registers"),
    (".core.f[", "a register by its place in the hart", "vcpu::debug::Debuggee"),
    (".core.pc", "the pc by its place in the hart", "kit::Registers"),
    (".core.waiting = ", "a hart that goes on by its own state", "kit::Registers::rouse"),
];

/// What no file has in it but one.
const ONCE: &[(&str, &str, &str)] =
    &[("0xbf58_476d_1ce4_e5b9", "splitmix64", "guest/workloads/src/random.rs"), ("<< 13;", "xorshift64", OBJECTS)];

/// The program that is made of them has the sum of its own source in it.
const OBJECTS: &str = "xtask/src/bench/objects.rs";

/// Test code that has one of its own, and why.
const ARGUED: &[(&str, &str)] = &[
    ("crates/board/src/controllers/tests.rs", "a host's controllers, which are described and do nothing"),
    ("crates/hart/tests/loaded.rs", "no word of a hart's makes it what no hart can be"),
];

/// Crates that test others: all of them is test code.
const OF_TESTS: [&str; 2] = ["crates/conformance/", "crates/fuzz/"];

/// What is wrong with the crate in a folder.
pub fn check(workspace: &Path, folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut files = Vec::new();
    for part in ["src", "tests"].map(|part| folder.join(part)).iter().filter(|part| part.is_dir()) {
        super::sources::collect(part, &mut files)?;
    }
    let found = files.iter().map(|file| {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.strip_prefix(workspace).unwrap_or(file).display().to_string();
        Ok(objections(&name, &text))
    });
    Ok(found.collect::<anyhow::Result<Vec<_>>>()?.concat())
}

fn objections(file: &str, text: &str) -> Vec<String> {
    let is_ours = file.starts_with("crates/kit/") || file == "xtask/src/layers/kit.rs";
    if is_ours {
        return Vec::new();
    }
    let again = ONCE.iter().filter(|(what, _, home)| file != *home && text.lines().any(|line| is_step(line, what)));
    let again = again.map(|(_, name, home)| format!("{file}: {name} is in {home}"));
    let argued = ARGUED.iter().any(|(other, _)| file == *other);
    let tests = if argued { "" } else { test_code(file, text) };
    let copies = KIT_HAS.iter().filter(|(what, ..)| tests.contains(what));
    let copies = copies.map(|(_, name, instead)| format!("{file}: {name}, where there is {instead}"));
    again.chain(copies).collect()
}

/// Whether a line has the number, or the shift where it is a step of a generator.
fn is_step(line: &str, what: &str) -> bool {
    line.contains(what) && (line.contains("^=") || !what.starts_with("<<"))
}

/// What of a file is test code.
fn test_code<'a>(file: &str, text: &'a str) -> &'a str {
    let is_of_tests = |part: &str| ["tests", "testing", "looping"].contains(&part.trim_end_matches(".rs"));
    if OF_TESTS.iter().any(|of_tests| file.starts_with(of_tests)) || file.split('/').any(is_of_tests) {
        return text;
    }
    text.find("\n#[cfg(test)]\nmod tests {").map_or("", |at| &text[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wire_of_a_test_s_own_is_refused_and_a_device_s_is_not() {
        let wire = "impl IrqSink for Wire {}\n";
        let behind = format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{wire}}}\n");
        for (file, text) in
            [("crates/a/tests/b.rs", wire), ("crates/a/src/b/tests.rs", wire), ("crates/a/src/b.rs", &behind)]
        {
            assert_eq!(objections(file, text), [format!("{file}: a wire of its own, where there is kit::Wire")]);
        }
        assert!(objections("crates/devices/src/plic/mod.rs", wire).is_empty());
        assert!(objections("crates/kit/src/wire.rs", wire).is_empty());
        let elsewhere = format!("#[cfg(test)]\nmod tests;\n{wire}");
        assert!(objections("crates/a/src/b.rs", &format!("\n{elsewhere}")).is_empty());
    }

    #[test]
    fn a_second_generator_is_refused_wherever_it_is() {
        let (split, shift) = ("z = z.wrapping_mul(0xbf58_476d_1ce4_e5b9);", "x ^= x << 13;\nlet fs = 2 << 13;");
        assert_eq!(
            objections("crates/a/src/b.rs", split),
            ["crates/a/src/b.rs: splitmix64 is in guest/workloads/src/random.rs"]
        );
        assert_eq!(objections("guest/a/src/b.rs", shift).len(), 1);
        assert!(objections("crates/a/src/b.rs", "let fs = 2 << 13;").is_empty());
        assert!(objections(OBJECTS, shift).is_empty());
    }
}
