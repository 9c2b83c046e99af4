//! Fetches from the archive that this system has configured, else from Debian's own: `cargo test -p vhart-images --
//! --ignored`.

use std::fs;
use std::path::Path;

use images::vmm::{self, Choice, Means, Product};
use images::{Apt, Cache, Disk, Error, Firmware, Packages, Prepared, Request, Selection, Tools, prepare};

fn request(cache: &Cache, apt: Apt) -> Request {
    Request { packages: Packages::Apt(apt), firmware: Firmware::OpenSbi, ..Request::new(cache.clone()) }
}

fn is_riscv_image(prepared: &Prepared) -> bool {
    // Linux, Documentation/arch/riscv/boot-image-header.rst: magic2 at offset 56.
    fs::read(&prepared.kernel).unwrap().get(56..60) == Some(b"RSC\x05")
}

#[test]
#[ignore = "needs the network"]
fn stable_suite_is_fetched_once_and_then_found_offline() {
    let place = tempfile::tempdir().unwrap();
    let cache = Cache::at(place.path());
    let first = prepare(&request(&cache, Apt::default()), &()).unwrap();
    assert!(is_riscv_image(&first));
    assert!(first.firmware.as_ref().unwrap().is_file());
    assert!(matches!(&first.disk, Disk::Shared(path) if path.is_file()));
    // What was downloaded is gone: what is found now is found without network.
    assert_eq!(prepare(&request(&cache, Apt::default()), &()).unwrap(), first);
}

#[test]
#[ignore = "needs the network"]
fn two_runs_at_once_agree() {
    let place = tempfile::tempdir().unwrap();
    let cache = Cache::at(place.path());
    let run = || {
        let cache = cache.clone();
        std::thread::spawn(move || prepare(&Request { initrd: None, ..request(&cache, Apt::default()) }, &()).unwrap())
    };
    let (one, other) = (run(), run());
    assert_eq!(one.join().unwrap(), other.join().unwrap());
    assert!(!place.path().join("tmp").exists() || fs::read_dir(place.path().join("tmp")).unwrap().next().is_none());
}

#[test]
#[ignore = "needs the network"]
fn archive_that_does_not_answer_is_named() {
    let place = tempfile::tempdir().unwrap();
    // RFC 2606 reserves the domain: it never resolves.
    let apt = Apt { mirror: Some("http://archive.invalid/debian".to_owned()), ..Apt::default() };
    let why = prepare(&request(&Cache::at(place.path()), apt), &()).unwrap_err();
    assert!(matches!(why, Error::Network { .. }), "{why}");
}

#[test]
#[ignore = "needs the network"]
fn missing_suite_is_named() {
    let place = tempfile::tempdir().unwrap();
    let apt = Apt { suite: "nosuch".to_owned(), ..Apt::default() };
    let why = prepare(&request(&Cache::at(place.path()), apt), &()).unwrap_err();
    assert!(matches!(why, Error::NoSuite { .. }), "{why}");
}

#[test]
#[ignore = "needs the network"]
fn suite_without_riscv64_is_named() {
    let place = tempfile::tempdir().unwrap();
    let apt = Apt { suite: "bookworm".to_owned(), ..Apt::default() };
    let why = prepare(&request(&Cache::at(place.path()), apt), &()).unwrap_err();
    assert!(matches!(why, Error::NoArchitecture { .. }), "{why}");
}

#[test]
#[ignore = "needs the network, 1 GB and minutes"]
fn vmm_is_a_static_riscv64_program() {
    let place = tempfile::tempdir().unwrap();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let apt = Apt::default();
    let (cache, progress) = (Cache::at(place.path()), ());
    let means =
        Means { product: Product::Vmm, workspace: Some(&workspace), cache: &cache, apt: &apt, progress: &progress };
    let elf = fs::read(vmm::get(&Choice::Built, means).unwrap()).unwrap();
    // ELF-64 Object File Format: e_type at 16 is 2 (EXEC) or 3 (DYN, static-pie), e_machine at 18 is 243 for RISC-V.
    assert!(matches!(elf[16..20], [2 | 3, 0, 243, 0]));
    assert!(!elf.windows(8).any(|bytes| bytes == b"/lib/ld-"));
    // With 102 MB of a run, without the index of packages, less than 700 MB in all.
    let len_bytes: u64 = cache.list().unwrap().iter().map(|entry| entry.len_bytes).sum();
    assert!(len_bytes <= 594_000_000, "{len_bytes}");
}

#[test]
#[ignore = "needs the network"]
fn programs_run_without_being_installed() {
    let place = tempfile::tempdir().unwrap();
    let cache = Cache::at(place.path().join("it's a cache"));
    let dtc = Selection { name: "dtc", packages: &["device-tree-compiler"], ..Selection::default() };
    let tools = Tools::get(&dtc, &Apt::default(), &cache, &()).unwrap();
    let output = tools.command("dtc").arg("--version").env_clear().output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("Version: DTC"), "{output:?}");
    assert_eq!(Tools::cached(&dtc, &Apt::default(), &cache), Some(tools));
}

#[test]
#[ignore = "needs the network and 700 MB"]
fn a_cross_compiler_finds_its_parts_where_they_are() {
    let place = tempfile::tempdir().unwrap();
    let gcc = Selection {
        name: "gcc",
        packages: &["gcc-riscv64-linux-gnu", "libc6-dev-riscv64-cross"],
        ..Selection::default()
    };
    let tools = Tools::get(&gcc, &Apt::default(), &Cache::at(place.path()), &()).unwrap();
    let source = place.path().join("a.c");
    fs::write(&source, "#include <stdio.h>\nint main(void) { return puts(\"a\") < 0; }\n").unwrap();
    let program = place.path().join("a");
    let output = tools.command("riscv64-linux-gnu-gcc").arg("-static").arg("-o").arg(&program).arg(&source).output();
    assert!(output.as_ref().is_ok_and(|output| output.status.success()), "{output:?}");
    // ELF-64 Object File Format: e_machine at 18 is 243 for RISC-V.
    assert_eq!(fs::read(&program).unwrap()[18..20], [243, 0]);
}
