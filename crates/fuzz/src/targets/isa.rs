//! ISA strings.

use arch::Isa;
use arch::isa::{Extension, PROFILES};

use super::Target;

pub const TARGET: Target = Target {
    name: "isa",
    what: "ISA strings: what is read is written as what is read again",
    run: |input| run(&String::from_utf8_lossy(input)),
    seeds,
};

fn seeds() -> Vec<Vec<u8>> {
    let names = Extension::ALL.iter().map(|extension| format!("rv64gc_{}_zba", extension.name()));
    let profiles = PROFILES.iter().map(|profile| format!("{}_zacas", profile.name));
    let others = [Isa::default().string().to_string(), "RV64IMZba".into(), "rv32gc".into(), "rv64gc_zbba".into()];
    names.chain(profiles).chain(others).map(String::into_bytes).collect()
}

fn run(text: &str) {
    match Isa::parse(text) {
        Ok(isa) => {
            assert!(isa.contains(Isa::BASE) && isa.closed() == isa, "{text}");
            let canonical = isa.string().to_string();
            let again = Isa::parse(&canonical).unwrap_or_else(|why| panic!("{text} is written as {canonical}: {why}"));
            assert_eq!(again.string().to_string(), canonical, "{text}");
        }
        Err(why) => assert!(!why.to_string().is_empty()),
    }
}
