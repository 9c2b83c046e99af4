//! Bad files: one sentence that names the file, exit status 1, and nothing left behind.

mod common;

use std::path::Path;

use common::{Programs, Said, say, say_of, vhart};

/// Runs `vhart run` and `vhart elf` on `file`; both must say one sentence with `expected` in it.
fn refused(file: &Path, expected: &str) {
    for words in [&["run"][..], &["run", "--firmware", "none"], &["run", "--firmware"], &["elf"]] {
        let said = say_of(words, file, &["--timeout", "60s"]);
        assert_eq!(said.status, Some(1), "{words:?} {}: {}", file.display(), said.err);
        assert!(said.err.starts_with("vhart: '"), "{words:?}: {}", said.err);
        assert!(said.err.contains(file.to_str().unwrap()) && said.err.contains(expected), "{words:?}: {}", said.err);
        assert_eq!((said.err.lines().count(), said.out.as_str()), (1, ""), "{words:?}: {}", said.err);
    }
}

#[test]
fn a_missing_file_is_named() {
    refused(Path::new("/nowhere/kernel"), "No such file");
}

#[test]
fn a_directory_is_no_program() {
    refused(Programs::new().path("").as_path(), "is a directory");
}

#[test]
fn an_empty_file_is_no_program() {
    let programs = Programs::new();
    std::fs::write(programs.path("empty"), []).unwrap();
    refused(&programs.path("empty"), "is empty");
}

#[test]
fn a_program_for_another_machine_is_told_apart() {
    // The test's own binary is one, except on RISC-V.
    if cfg!(target_arch = "x86_64") {
        refused(Path::new("/proc/self/exe"), "x86 ELF");
    }
}

#[test]
fn a_program_that_is_cut_off_is_told_so() {
    let programs = Programs::new();
    let whole = std::fs::read(programs.bare("finisher", &[("RESULT", 0x5555)])).unwrap();
    for (name, len) in [("header", 40), ("segments", 0x80)] {
        std::fs::write(programs.path(name), &whole[..len]).unwrap();
        refused(&programs.path(name), "truncated or corrupt");
    }
}

#[test]
fn a_program_beyond_memory_names_both() {
    let programs = Programs::new();
    refused(&programs.assemble("spin", &[], 0xc000_0000), "0xc0000000");
}

#[test]
fn an_object_file_is_not_linked() {
    let programs = Programs::new();
    let mut object = std::fs::read(programs.bare("spin", &[])).unwrap();
    // e_type: ET_REL.
    object[16] = 1;
    std::fs::write(programs.path("object"), object).unwrap();
    refused(&programs.path("object"), "not linked");
}

#[test]
fn without_any_program_there_is_nothing_to_run() {
    let said = say(&["run"]);
    assert_eq!(said.status, Some(2));
    assert!(said.err.contains("nothing to run"), "{}", said.err);
}

#[test]
fn the_page_of_a_header_that_plain_linking_puts_below_memory_is_left_out() {
    let programs = Programs::new();
    for options in [&["-Ttext=0x80000000", "--build-id"][..], &["-Ttext=0x80000000"]] {
        let file = programs.link("finisher", &[("RESULT", 0x5555)], options);
        for words in [&["elf"][..], &["run", "--firmware", "none"], &["run", "--firmware"]] {
            let said = say_of(words, &file, &["--timeout", "60s"]);
            assert_eq!((said.status, said.out.as_str()), (Some(0), "hello from the serial port\n"), "{}", said.err);
        }
    }
}

#[test]
fn a_kernel_in_the_place_of_the_firmware_is_refused() {
    let programs = Programs::new();
    let file = programs.bare("spin", &[]);
    let said = say_of(&["run", "--firmware", file.to_str().unwrap()], &file, &[]);
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("want the same memory"), "{}", said.err);
}

#[test]
fn disks_and_initial_ram_disks_that_are_not_there_are_named() {
    let programs = Programs::new();
    let kernel = programs.bare("spin", &[]);
    for words in
        [["run", "--disk", "/nowhere/disk"], ["run", "--initrd", "/nowhere/initrd"], ["run", "--load", "/nowhere/a"]]
    {
        let said = say_of(&words, &kernel, &[]);
        assert_eq!(said.status, Some(1), "{words:?}");
        assert!(said.err.contains(words[2]), "{words:?}: {}", said.err);
    }
}

#[test]
fn an_initial_ram_disk_may_be_anything_and_what_linux_cannot_use_is_said() {
    let programs = Programs::new();
    let kernel = programs.bare("finisher", &[("RESULT", 0x5555)]);
    let odd = programs.path("odd");
    std::fs::write(&odd, b"a file system of somebody's own").unwrap();
    let said =
        say_of(&["run", "--firmware", "none", "--initrd", odd.to_str().unwrap()], &kernel, &["--timeout", "60s"]);
    assert_eq!((said.status, said.err.lines().count()), (Some(0), 1), "{}", said.err);
    assert!(said.err.contains("is no initrd") && said.err.ends_with("; Linux cannot use it\n"), "{}", said.err);
}

#[test]
fn results_of_a_program_that_cannot_run_are_not_begun() {
    let programs = Programs::new();
    let results = [("--commit-log", "log"), ("--signature", "signature"), ("--dump-dtb", "dtb")];
    for (option, name) in results {
        let path = programs.path(name);
        let said = say(&["elf", option, path.to_str().unwrap(), "/nowhere/program"]);
        assert_eq!(said.status, Some(1), "{option}");
        assert!(!path.exists(), "{option}");
    }
}

#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let programs = Programs::new();
    let file = programs.bare("signature", &[]);
    for option in ["--signature", "--commit-log", "--dump-dtb"] {
        for path in ["/nowhere/result", "/dev/full"] {
            let said = say_of(&["elf", option, path], &file, &["--timeout", "60s"]);
            assert_eq!(said.status, Some(1), "{option} {path}: {}", said.err);
            assert!(said.err.contains("cannot write"), "{option} {path}: {}", said.err);
        }
    }
}

#[test]
fn a_port_in_use_is_one_sentence_that_says_so_once() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ports = format!("{}:22", taken.local_addr().unwrap().port());
    let said = say(&["run", "--forward", &ports, "kernel"]);
    assert_eq!((said.status, said.err.lines().count()), (Some(1), 1), "{}", said.err);
    assert!(said.err.contains("TCP 127.0.0.1:"), "{}", said.err);
    assert_eq!(said.err.matches("in use").count(), 1, "{}", said.err);
}

#[test]
fn standard_output_that_cannot_be_written_is_one_sentence() {
    let cache = Programs::new();
    let cache = cache.path("cache");
    for words in [&["isa"][..], &["man"], &["completion", "bash"], &["images", "--cache", cache.to_str().unwrap()]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let said: Said = vhart(words).stdout(full).output().unwrap().into();
        assert_eq!((said.status, said.err.lines().count()), (Some(1), 1), "{words:?}: {}", said.err);
        assert!(said.err.contains("standard output"), "{words:?}: {}", said.err);
    }
}
