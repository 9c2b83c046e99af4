//! Small programs through the binary: how they end, and what they say on the way.

mod common;

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Programs, say_of, vhart};

/// A guard against programs that do not end.
const LIMIT: &[&str] = &["--timeout", "60s"];

#[test]
fn tohost_is_the_exit_status() {
    let programs = Programs::new();
    for (result, status) in [(1, 0), (3 << 1 | 1, 3), (1337, 255)] {
        let file = programs.bare("tohost", &[("RESULT", result)]);
        assert_eq!(say_of(&["elf"], &file, LIMIT).status, Some(status), "{result}");
    }
}

#[test]
fn a_cache_block_instruction_that_faults_tells_its_register_not_its_block() {
    let programs = Programs::new();
    let file = programs.bare("cbo", &[]);
    for engine in ["interp", "jit"] {
        assert_eq!(say_of(&["elf", "--engine", engine], &file, LIMIT).status, Some(0), "{engine}: a case's number");
    }
}

#[test]
fn the_finisher_is_the_exit_status_and_the_serial_port_is_standard_output() {
    let programs = Programs::new();
    for (result, status) in [(0x5555, 0), (0x0003_3333, 3), (0x3333, 1)] {
        let file = programs.bare("finisher", &[("RESULT", result)]);
        let said = say_of(&["elf"], &file, LIMIT);
        assert_eq!((said.status, said.out.as_str()), (Some(status), "hello from the serial port\n"), "{result:#x}");
    }
}

#[test]
fn a_kernel_without_firmware_starts_in_machine_mode() {
    let programs = Programs::new();
    let file = programs.bare("finisher", &[("RESULT", 0x5555)]);
    let said = say_of(&["run", "--firmware", "none", "--kernel"], &file, LIMIT);
    assert_eq!((said.status, said.out.as_str()), (Some(0), "hello from the serial port\n"));
}

#[test]
fn a_firmware_image_starts_at_the_beginning_of_memory() {
    let programs = Programs::new();
    let file = programs.bare("finisher", &[("RESULT", 0x5555)]);
    let said = say_of(&["run", "--firmware"], &file, LIMIT);
    assert_eq!((said.status, said.out.as_str()), (Some(0), "hello from the serial port\n"), "{}", said.err);
}

#[test]
fn hardware_sets_accessed_and_dirty_unless_svade_leaves_them_to_software() {
    let programs = Programs::new();
    let file = programs.bare("accessed", &[]);
    for engine in ["interp", "jit"] {
        for (isa, out) in [("rv64", "KJ"), ("rv64gch", "KJ"), ("rva23s64", "M"), ("rva23s64_svadu", "M")] {
            let words = ["run", "--engine", engine, "--isa", isa, "--firmware", "none", "--kernel"];
            let said = say_of(&words, &file, LIMIT);
            assert_eq!((said.status, said.out.as_str()), (Some(0), out), "{engine} {isa}: {}", said.err);
        }
    }
}

/// H extension, "Transformed Instruction or Pseudoinstruction for `mtinst` or `htinst`": "Except when a
/// pseudoinstruction value is required [...], the value written to `mtinst` or `htinst` may always be zero"; for the
/// walker's own accesses "zero is not allowed".
#[test]
fn htinst_has_the_instruction_or_zero_and_pseudoinstructions_in_any_case() {
    let programs = Programs::new();
    let file = programs.assemble("htinst", &[], 0x8020_0000);
    // The formats of "Transformed load instruction" and its siblings, by the GNU assembler's encodings without rs1 and
    // immediate: hlv.d a1, (a0); ld a1, (a0); c.ld a1, (a0), whose bit 1 is clear; sd a1, 8(a0); amoadd.d a1, a2, (a0).
    let transformed = [0x6c00_45f3, 0x3583, 0x3581, 0x00b0_3023, 0x00c0_35af];
    // "64-bit read for VS-stage address translation", "64-bit write [...]"; an ECALL has no transformation.
    let required = [0x3000, 0x3020, 0];
    let lines = |explicit: [u64; 5]| -> String {
        explicit.iter().chain(&required).map(|value| format!("{value:016x}\n")).collect()
    };
    for engine in ["interp", "jit"] {
        for (option, out) in [("transformed", lines(transformed)), ("zero", lines([0; 5]))] {
            let words = ["run", "--engine", engine, "--isa", "rv64", "--htinst", option, "--kernel"];
            let said = say_of(&words, &file, LIMIT);
            assert_eq!((said.status, said.out), (Some(0), out), "{engine} {option}: {}", said.err);
        }
    }
}

/// H extension, "Hypervisor Guest Address Translation and Protection (`hgatp`) Register": "The number of implemented
/// VMID bits, termed VMIDLEN, may be determined by writing one to every bit position in the VMID field, then reading
/// back"; "The least-significant bits of VMID are implemented first".
#[test]
fn hgatp_has_as_many_vmid_bits_as_asked_for() {
    let programs = Programs::new();
    let file = programs.assemble("vmid", &[], 0x8020_0000);
    for engine in ["interp", "jit"] {
        for (bits, out) in [("0", "0000000000000000\n"), ("3", "0000000000000007\n"), ("14", "0000000000003fff\n")] {
            let words = ["run", "--engine", engine, "--isa", "rv64", "--vmid-bits", bits, "--kernel"];
            let said = say_of(&words, &file, LIMIT);
            assert_eq!((said.status, &*said.out), (Some(0), out), "{engine} {bits}: {}", said.err);
        }
    }
}

#[test]
fn a_driver_that_never_reads_the_iir_is_interrupted_once_and_goes_on() {
    let programs = Programs::new();
    let file = programs.bare("transmit", &[]);
    for engine in ["interp", "jit"] {
        let said = say_of(&["run", "--engine", engine, "--firmware", "none", "--kernel"], &file, LIMIT);
        assert_eq!((said.status, said.out.as_str()), (Some(0), "xK"), "{engine}: {}", said.err);
    }
}

#[test]
fn a_disk_is_in_the_slot_that_its_bus_names_and_others_fill_up_from_the_highest() {
    let programs = Programs::new();
    let file = programs.bare("slots", &[]);
    let image = programs.path("disk.img");
    std::fs::write(&image, [0; 512]).unwrap();
    let image = image.display();
    for (option, out) in [
        (format!("-disk file={image}"), "00000042"),
        (format!("-disk file={image},bus=virtio-mmio-bus.3"), "00020004"),
        (
            format!(
                "-drive file={image},format=raw,if=none,id=x -device virtio-blk-device,drive=x,bus=virtio-mmio-bus.0"
            ),
            "20000004",
        ),
    ] {
        let words: Vec<&str> =
            ["run", "-bios", "none"].into_iter().chain(option.split(' ')).chain(["-kernel"]).collect();
        let said = say_of(&words, &file, LIMIT);
        assert_eq!((said.status, said.out.as_str()), (Some(0), out), "{option}: {}", said.err);
    }
}

#[test]
fn a_snapshot_needs_no_directory_for_temporary_files() {
    let programs = Programs::new();
    let (file, image) = (programs.bare("slots", &[]), programs.path("disk.img"));
    std::fs::write(&image, [0; 512]).unwrap();
    let disk = format!("file={},snapshot=on", image.display());
    let mut command = vhart(&["run", "--firmware", "none", "--disk", &disk, "--kernel"]);
    let said: common::Said = command.arg(&file).args(LIMIT).env("TMPDIR", "/nowhere").output().unwrap().into();
    assert_eq!((said.status, said.out.as_str()), (Some(0), "00000042"), "{}", said.err);
    assert_eq!(std::fs::read(&image).unwrap(), [0; 512]);
}

#[test]
fn programmable_counters_count_filter_and_overflow() {
    let programs = Programs::new();
    let file = programs.bare("counters", &[]);
    for engine in ["interp", "jit"] {
        assert_eq!(say_of(&["elf", "--engine", engine], &file, LIMIT).status, Some(0), "{engine}: a case's number");
    }
}

#[test]
fn the_built_in_firmware_clears_stops_starts_and_filters_counters() {
    let programs = Programs::new();
    let file = programs.assemble("sbipmu", &[], 0x8020_0000);
    for engine in ["interp", "jit"] {
        let said = say_of(&["run", "--engine", engine, "--kernel"], &file, LIMIT);
        assert_eq!(said.status, Some(0), "{engine}: a case's number; {}", said.err);
    }
}

#[test]
fn sbi_calls_of_two_harts_are_answered() {
    let programs = Programs::new();
    let file = programs.assemble("sbi", &[], 0x8020_0000);
    let said = say_of(&["run", "--harts", "2", "--kernel"], &file, LIMIT);
    assert_eq!((said.status, said.out.as_str()), (Some(0), "booted.\nstarted\ntimer..\nipi....\n"), "{}", said.err);
}

#[test]
fn deterministic_runs_have_the_same_digests_and_other_seeds_others() {
    let programs = Programs::new();
    let file = programs.assemble("sbi", &[], 0x8020_0000);
    let digests = |option| {
        let said = say_of(&["run", "--harts", "2", option, "--kernel"], &file, LIMIT);
        let line = said.err.lines().find(|line| line.starts_with("vhart: state sha256:"));
        line.unwrap_or_else(|| panic!("{}", said.err)).to_owned()
    };
    let (first, again, other) =
        (digests("--deterministic"), digests("--deterministic=0"), digests("--deterministic=1"));
    assert_eq!(first, again);
    let console = |line: &str| line.split_once("console").map(|(_, digest)| digest.to_owned());
    assert!(first != other && console(&first) == console(&other), "{first}\n{other}");
}

#[test]
fn engines_come_to_the_same_digests_at_the_same_instruction() {
    let programs = Programs::new();
    let bare = ["counters", "livelock", "spin", "cbo"].map(|name| programs.bare(name, &[]));
    let digests = |words: &[&str], file: &Path, after: &[&str]| {
        let both = ["interp", "jit"].map(|engine| {
            let words: Vec<&str> = words.iter().copied().chain(["--deterministic", "--engine", engine]).collect();
            let said = say_of(&words, file, after);
            let line = said.err.lines().find(|line| line.starts_with("vhart: state sha256:"));
            line.unwrap_or_else(|| panic!("{}", said.err)).to_owned()
        });
        assert_eq!(both[0], both[1], "{} {words:?} {after:?}", file.display());
        both[0].clone()
    };
    for file in &bare {
        // within blocks, and beyond the end of a turn
        let places = ["1", "7", "10", "33", "1000", "9999", "10001", "30011"];
        let states = places.map(|place| digests(&["elf"], file, &["--max-instructions", place]));
        assert_ne!(states[0], states[1], "{}", file.display());
    }
    let file = programs.assemble("sbi", &[], 0x8020_0000);
    digests(&["run", "--harts", "2"], &file, LIMIT);
}

#[test]
fn a_deterministic_machine_has_no_network() {
    let said = say_of(&["run", "--deterministic", "--net", "user", "--kernel"], Path::new("none"), LIMIT);
    assert_eq!(said.status, Some(2));
    assert!(said.err.contains("--deterministic goes without --net"), "{}", said.err);
}

#[test]
fn a_failure_that_a_kernel_reports_is_status_125() {
    let programs = Programs::new();
    let file = programs.assemble("sbi", &[], 0x8020_0000);
    // With one hart there is no second one to start.
    let said = say_of(&["run", "--kernel"], &file, LIMIT);
    assert_eq!((said.status, said.out.as_str()), (Some(125), "booted.\n"), "{}", said.err);
}

#[test]
fn the_signature_is_written_as_architecture_tests_want_it() {
    let programs = Programs::new();
    let file = programs.bare("signature", &[]);
    let path = programs.path("signature.txt");
    let to = path.to_str().unwrap();
    assert_eq!(say_of(&["elf", "--signature", to], &file, LIMIT).status, Some(0));
    let expected = "00000000000000000123456789abcdef\n00000000000000000000000000000001\n";
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    let words = ["elf", "--signature-granularity", "4", "--signature", to];
    assert_eq!(say_of(&words, &file, LIMIT).status, Some(0));
    let expected = "89abcdef\n01234567\n00000000\n00000000\n00000001\n00000000\n";
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
}

#[test]
fn a_program_without_a_signature_is_refused_and_no_file_is_left() {
    let programs = Programs::new();
    let file = programs.bare("spin", &[]);
    let path = programs.path("signature.txt");
    let said = say_of(&["elf", "--signature", path.to_str().unwrap()], &file, LIMIT);
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("begin_signature") && !path.exists(), "{}", said.err);
}

#[test]
fn the_commit_log_has_spikes_lines() {
    let programs = Programs::new();
    let file = programs.bare("tohost", &[("RESULT", 1)]);
    let path = programs.path("log");
    assert_eq!(say_of(&["elf", "--commit-log", path.to_str().unwrap()], &file, LIMIT).status, Some(0));
    let log = std::fs::read_to_string(&path).unwrap();
    assert!(log.starts_with("core   0: 3 0x0000000000001000 (0x00000297) x5  0x0000000000001000\n"), "{log}");
    assert!(log.lines().any(|line| line.contains(" mem 0x") && line.ends_with(" 0x0000000000000001")), "{log}");
}

#[test]
fn limits_end_programs_that_run_and_programs_that_wait() {
    let programs = Programs::new();
    for (name, limit) in
        [("spin", ["--timeout", "200ms"]), ("wait", ["--timeout", "200ms"]), ("spin", ["--max-instructions", "100000"])]
    {
        let file = programs.bare(name, &[]);
        let start = Instant::now();
        assert_eq!(say_of(&["elf"], &file, &limit).status, Some(124), "{name} {limit:?}");
        assert!(start.elapsed() < Duration::from_secs(10), "{name} {limit:?}");
    }
}

#[test]
fn traps_count_against_the_limit_of_instructions() {
    let programs = Programs::new();
    let file = programs.bare("nowhere", &[]);
    for words in ["elf", "run"].into_iter().flat_map(|word| ["interp", "jit"].map(|engine| [word, "--engine", engine]))
    {
        let start = Instant::now();
        let said = say_of(&words, &file, &["--max-instructions", "10", "--timeout", "60s"]);
        let told = "vhart: when the limit was reached, hart 0 executes in ";
        assert!(said.status == Some(124) && said.err.starts_with(told), "{words:?}: {}", said.err);
        assert!(start.elapsed() < Duration::from_secs(30), "{words:?}");
    }
}

/// What a run says of a trap that comes again and again, which it must say once, and how it explains it.
fn trap_loop(words: &[&str], file: &Path) -> (String, String) {
    let limit: &[&str] = if words[0] == "elf" { &["--max-instructions", "4000000"] } else { &["--timeout", "10s"] };
    let said = say_of(words, file, limit);
    assert_eq!(said.status, Some(124), "{}", said.err);
    let mut lines = said.err.lines().filter(|line| line.contains("took the same trap"));
    let line = lines.next().unwrap_or_else(|| panic!("{words:?}: nothing is said: {}", said.err));
    assert_eq!(lines.next(), None, "{words:?}");
    let explained = said.err.split_once("\nvhart: hart 0: ").map(|(_, text)| text.to_owned());
    (line.to_owned(), explained.unwrap_or_else(|| panic!("{words:?}: nothing is explained: {}", said.err)))
}

#[test]
fn a_trap_that_comes_again_and_again_is_told_once() {
    let programs = Programs::new();
    let (nowhere, livelock) = (programs.bare("nowhere", &[]), programs.bare("livelock", &[]));
    let fault = programs.assemble("guestfault", &[], 0x8020_0000);
    let start = "vhart: hart 0 took the same trap 1000000 times in";
    for engine in ["interp", "jit"] {
        let (line, explained) = trap_loop(&["elf", "--engine", engine], &nowhere);
        assert_eq!(line, format!("{start} M-mode and got no further: InstructionAccessFault at pc 0x0, tval 0x0"));
        assert!(explained.contains("neither memory nor a device is at physical address 0x0"), "{explained}");
        let (line, _) = trap_loop(&["elf", "--deterministic", "--engine", engine], &livelock);
        let told = "StoreAccessFault at pc 0x80000100, tval 0x0";
        assert_eq!(line, format!("{start} M-mode and got no further: {told}"));
        let (line, explained) = trap_loop(&["run", "--engine", engine, "--kernel"], &fault);
        let guest = "LoadGuestPageFault at pc 0x80200100, tval 0x40001238, guest-physical address 0x40001238";
        let told = "InstructionAccessFault at pc 0x0, tval 0x0";
        let origin = format!("which began with {guest}, G-stage of the access itself");
        assert_eq!(line, format!("{start} HS-mode and got no further: {told}, {origin}"));
        for said in [
            "G-stage, level 2: the entry is 0x0: V is 0, nothing is mapped here",
            "medeleg bit 21 is 1, and hedeleg bit 21 is read-only 0: it is the hypervisor's",
            "htval    0x1000048e: guest-physical address >> 2: 0x40001238, of the access itself",
            "stvec is 0: no handler was set",
        ] {
            assert!(explained.contains(said), "{said} is not in {explained}");
        }
    }
}

#[test]
fn a_root_table_that_is_not_where_it_was_put_is_told_once() {
    let programs = Programs::new();
    for engine in ["interp", "jit"] {
        let wrong = programs.bare("root", &[("WRONG", 1)]);
        let said = say_of(&["elf", "--engine", engine], &wrong, LIMIT);
        let told = "vhart: hart 0 wrote to hgatp that the root table of its guest is at 0x80201000; root tables begin at \
                    multiples of 16 KiB, so that the one at 0x80200000 is walked";
        assert!(said.err.starts_with(told) && said.err.lines().count() == 1, "{}", said.err);
        let right = programs.bare("root", &[]);
        assert_eq!(say_of(&["elf", "--engine", engine], &right, LIMIT).err, "");
    }
}

#[test]
fn statistics_are_printed_on_standard_error() {
    let programs = Programs::new();
    let file = programs.bare("finisher", &[("RESULT", 0x5555)]);
    let said = say_of(&["elf", "--engine-stats"], &file, LIMIT);
    let first = said.err.lines().next().unwrap();
    assert!(first.contains(" instructions, ") && first.ends_with(" MIPS"), "{}", said.err);
    let value = |name: &str| {
        let line = said.err.lines().find(|line| line.split_whitespace().next() == Some(name));
        line.and_then(|line| line.split_whitespace().nth(1)).and_then(|value| value.parse::<u64>().ok())
    };
    assert!(first.starts_with(&format!("vhart: {} instructions", value("instructions").unwrap())), "{}", said.err);
    assert!(value("device_accesses").unwrap() > 0 && value("traps") == Some(0), "{}", said.err);
}

#[test]
fn typed_input_reaches_a_program_that_sleeps() {
    let programs = Programs::new();
    let file = programs.bare("echo", &[]);
    let words = ["run", "--firmware", "none", "--timeout", "60s", file.to_str().unwrap()];
    let mut child = vhart(&words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut typed = child.stdin.take().unwrap();
    // More than the serial port holds, in two parts with a sleep between them.
    let text = "x".repeat(10_000);
    typed.write_all(text.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    typed.write_all(b"end.").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), text + "end.");
}

#[test]
fn a_reset_starts_over_unless_it_is_to_end() {
    let programs = Programs::new();
    let file = programs.bare("reboot", &[]);
    let said = say_of(&["run", "--firmware", "none"], &file, LIMIT);
    assert_eq!((said.status, said.out.as_str()), (Some(0), "first\nsecond\n"), "{}", said.err);
    let said = say_of(&["run", "--no-reboot", "--firmware", "none"], &file, LIMIT);
    assert_eq!((said.status, said.out.as_str()), (Some(0), "first\n"), "{}", said.err);
}

#[test]
fn a_signal_ends_the_run_with_its_number() {
    let programs = Programs::new();
    for (words, name) in [(&["run", "--firmware", "none"][..], "wait"), (&["elf"], "spin")] {
        let file = programs.bare(name, &[]);
        let mut child = vhart(words).arg(&file).arg("--timeout").arg("60s").spawn().unwrap();
        std::thread::sleep(Duration::from_millis(500));
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(128 + 15), "{words:?}");
    }
}

#[test]
fn the_device_tree_is_written_and_nothing_runs() {
    let programs = Programs::new();
    let path = programs.path("dtb");
    let said = common::say(&["run", "--dump-dtb", path.to_str().unwrap()]);
    assert_eq!((said.status, said.out.as_str(), said.err.as_str()), (Some(0), "", ""));
    let tree = std::fs::read(&path).unwrap();
    assert_eq!(tree.first_chunk(), Some(&[0xd0, 0x0d, 0xfe, 0xed]));
    for name in [
        "riscv,isa-extensions",
        "riscv,event-to-mhpmcounters",
        "sifive,plic-1.0.0",
        "ns16550a",
        "virtio,mmio",
        "sifive,clint0",
    ] {
        assert!(tree.windows(name.len()).any(|part| part == name.as_bytes()), "{name}");
    }
    // As QEMU's tree has them: Linux finds what is plugged in first, and that is in the last slot, first.
    let at = |name: &str| tree.windows(name.len()).position(|part| part == name.as_bytes()).unwrap();
    let slots: Vec<usize> = (1..=8).rev().map(|slot| at(&format!("virtio_mmio@1000{slot}000"))).collect();
    assert!(slots.is_sorted());
}

#[test]
fn the_device_tree_and_a_report_can_go_to_standard_output() {
    let said = vhart(&["run", "--dump-dtb", "-"]).output().unwrap();
    assert_eq!((said.status.code(), said.stdout.first_chunk()), (Some(0), Some(&[0xd0, 0x0d, 0xfe, 0xed])));
    assert!(!Path::new("-").exists());
    let programs = Programs::new();
    let (kernel, initrd, cache) = (programs.bare("spin", &[]), programs.path("initrd"), programs.path("cache"));
    std::fs::write(&initrd, b"BZh9").unwrap();
    let mut words: Vec<&str> = vec!["linux", "--check", "--json", "-", "--timeout", "1s"];
    let files = [("--kernel", &kernel), ("--initrd", &initrd), ("--cache", &cache)];
    words.extend(files.iter().flat_map(|(option, file)| [*option, file.to_str().unwrap()]));
    let said = common::say(&words);
    assert!(said.out.starts_with("{\n") && said.out.ends_with("}\n"), "{}\n{}", said.out, said.err);
    assert!(said.err.contains("phase "), "{}", said.err);
}

#[test]
fn the_device_tree_of_a_check_is_written_and_nothing_runs() {
    let programs = Programs::new();
    let (path, kernel, initrd) = (programs.path("dtb"), programs.path("kernel"), programs.path("initrd"));
    std::fs::write(&kernel, [0x13; 64]).unwrap();
    // Packed in a way that only the kernel looks into.
    std::fs::write(&initrd, b"BZh9").unwrap();
    let cache = programs.path("cache");
    let files = [("--kernel", &kernel), ("--initrd", &initrd), ("--cache", &cache), ("--dump-dtb", &path)];
    let mut words: Vec<&str> = vec!["linux", "--check", "--timeout", "1s"];
    words.extend(files.iter().flat_map(|(option, file)| [*option, file.to_str().unwrap()]));
    let said = common::say(&words);
    assert_eq!((said.status, said.out.as_str(), said.err.as_str()), (Some(0), "", ""));
    assert_eq!(std::fs::read(&path).unwrap().first_chunk(), Some(&[0xd0, 0x0d, 0xfe, 0xed]));
}

/// Runs the binary where no file may be larger than 64 KiB: the memory for generated code is one that is.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn without_code_memory(words: &[&str], file: &std::path::Path) -> common::Said {
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_vhart")]);
    shell.args(words).args(LIMIT).arg(file).stdin(Stdio::null());
    shell.output().unwrap().into()
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn without_memory_for_code_the_interpreter_runs_unless_the_translator_was_named() {
    let programs = Programs::new();
    let file = programs.bare("finisher", &[("RESULT", 0x5555)]);
    let why = "vhart: this computer gives the translator no memory for code: File too large";
    let said = without_code_memory(&["elf"], &file);
    assert_eq!((said.status, said.out.as_str()), (Some(0), "hello from the serial port\n"));
    assert_eq!(said.err, format!("{why}; the slower interpreter runs the machine\n"));
    let said = without_code_memory(&["elf", "--engine", "jit"], &file);
    assert_eq!((said.status, said.err), (Some(1), format!("{why}; choose --engine interp\n")));
}

#[test]
fn a_small_code_cache_is_enough() {
    let programs = Programs::new();
    let file = programs.bare("finisher", &[("RESULT", 0x5555)]);
    assert_eq!(say_of(&["elf", "--code-cache", "1M"], &file, LIMIT).status, Some(0));
}
