//! The version of snapshots: what is saved does not change without it.
//!
//! `forms.txt` has the form of each type that is saved, and the version that it is of. A change of one raises
//! [`SCHEMA`]; then `VHART_UPDATE=1 cargo test -p vhart-board --test schema` makes that file anew.

#![cfg(feature = "state")]

#[path = "schema/form.rs"]
mod form;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use board::snapshot::file::Head;
use board::snapshot::{SCHEMA, Saved};
use bus::state::Plain;
use devices::plic::PlicRegisters;
use devices::{AplicRegisters, Rtc, Uart16550};
use form::form_of;
use virtio::{Block, Console, Entropy, MmioTransport, Net, Share};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schema").join(name)
}

/// Whether files are to be made anew.
fn updates() -> bool {
    std::env::var_os("VHART_UPDATE").is_some()
}

fn plain<T: Plain>() -> String {
    form_of::<T::State>()
}

/// The parts of a machine that have a state, by the names of their types, with its form.
fn parts() -> Vec<(&'static str, String)> {
    vec![
        ("AplicRegisters", plain::<AplicRegisters>()),
        ("Block", plain::<Block>()),
        ("Console", plain::<Console>()),
        ("Entropy", plain::<Entropy>()),
        ("Firmware", plain::<firmware::Firmware>()),
        ("Hart", plain::<hart::Hart>()),
        ("MmioTransport", plain::<MmioTransport<Entropy>>()),
        ("Net", plain::<Net>()),
        ("PlicRegisters", plain::<PlicRegisters>()),
        ("Rom", plain::<board::parts::rom::Rom>()),
        ("Rtc", plain::<Rtc>()),
        ("Share", plain::<Share>()),
        ("Uart16550", plain::<Uart16550>()),
    ]
}

#[test]
fn what_is_saved_does_not_change_without_its_version() {
    let whole = [("the head", form_of::<Head>()), ("the machine", form_of::<Saved>())];
    let forms = whole.into_iter().chain(parts()).map(|(name, form)| format!("{name}: {form}\n"));
    let now = format!("version {SCHEMA}\n\n{}", forms.collect::<String>());
    let path = file("forms.txt");
    if updates() {
        fs::write(&path, &now).unwrap();
    }
    let then = fs::read_to_string(&path).unwrap();
    let changed: Vec<&str> = now.lines().filter(|line| !then.lines().any(|other| other == *line)).collect();
    assert!(
        now == then,
        "what is saved has changed: raise board::snapshot::SCHEMA and set VHART_UPDATE=1 once. {changed:#?}"
    );
}

/// The types in the sources that say what they are saved as.
fn saved_types(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            saved_types(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&entry).unwrap();
            let heads = text.lines().filter(|line| line.starts_with("impl"));
            let names = heads.filter_map(|line| line.split_once("Plain for ")?.1.split(['<', ' ']).next());
            found.extend(names.map(str::to_owned));
        }
    }
}

#[test]
fn no_part_is_left_out() {
    let mut found = BTreeSet::new();
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for entry in fs::read_dir(crates).unwrap() {
        saved_types(&entry.unwrap().path().join("src"), &mut found);
    }
    let known: BTreeSet<String> = parts().into_iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(found, known);
}
