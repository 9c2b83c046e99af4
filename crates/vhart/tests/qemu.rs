//! QEMU's command line, given to vhart.

mod common;

use std::process::Command;

use common::{Programs, Said, say_of};

/// What the shell makes of `line`.
fn shell(line: &str) -> Said {
    Command::new("sh").args(["-c", line]).output().unwrap().into()
}

#[test]
fn the_line_that_is_printed_for_qemu_boots_the_same_here_word_for_word() {
    let programs = Programs::new();
    let kernel = programs.assemble("sbi", &[], 0x8020_0000);
    let (initrd, cache) = (programs.path("it's an initrd"), programs.path("cache"));
    // Packed in a way that only the kernel looks into.
    std::fs::write(&initrd, b"BZh9").unwrap();
    let words = ["linux", "--harts", "2", "--print", "qemu", "--cache", cache.to_str().unwrap(), "--kernel"];
    let printed = say_of(&words, &kernel, &["--initrd", initrd.to_str().unwrap(), "-a", "word 'quoted'"]);
    assert_eq!(printed.status, Some(0), "{}", printed.err);
    let line = printed.out.replacen("qemu-system-riscv64", &format!("{} run", env!("CARGO_BIN_EXE_vhart")), 1);
    assert!(line.contains(" -netdev ") && line.contains(" -drive "), "{line}");
    let said = shell(&line);
    assert_eq!(
        (said.status, said.out.as_str(), said.err.as_str()),
        (Some(0), "booted.\nstarted\ntimer..\nipi....\n", "")
    );
}

#[test]
fn a_program_is_placed_by_the_loader_and_begins_on_its_hart() {
    let programs = Programs::new();
    let file = programs.bare("finisher", &[("RESULT", 0x5555)]);
    let device = |more: &str| format!("loader,file={}{more}", file.display());
    for line in [
        format!("-bios none -device {}", device("")),
        format!("-bios none -device {}", device(",cpu-num=0")),
        format!("-bios {} -device loader,addr=0x80000000,cpu-num=0", file.display()),
        format!("-bios none -device {} -device loader,addr=0x81000000,data=0x13,data-len=4", device("")),
    ] {
        let said = shell(&format!("{} run -M virt -nographic --timeout 60s {line}", env!("CARGO_BIN_EXE_vhart")));
        assert_eq!((said.status, said.out.as_str()), (Some(0), "hello from the serial port\n"), "{line}: {}", said.err);
    }
    for (line, why) in [
        (format!("-device {}", device(",cpu-num=0")), "built-in firmware"),
        (format!("-bios none -device {}", device(",cpu-num=1")), "cpu-num=1"),
        (format!("-bios none -device {} -kernel {}", device(""), file.display()), "want the same memory"),
        (format!("-bios none -device {}", device(",force-raw=on")), "addr=ADDRESS"),
    ] {
        let said = shell(&format!("{} run --timeout 60s {line}", env!("CARGO_BIN_EXE_vhart")));
        assert_eq!((said.status, said.err.lines().count()), (Some(1), 1), "{line}: {}", said.err);
        assert!(said.err.contains(why), "{line}: {}", said.err);
    }
}

#[test]
fn the_serial_port_can_lead_into_a_file_and_the_process_can_be_told() {
    let programs = Programs::new();
    let kernel = programs.bare("finisher", &[("RESULT", 0x5555)]);
    let (log, pid) = (programs.path("a,b.log"), programs.path("pid"));
    let words = ["run", "-bios", "none", "-serial"];
    let serial = format!("file:{}", log.display());
    let said = say_of(&[&words[..], &[&serial, "-pidfile", pid.to_str().unwrap(), "-kernel"]].concat(), &kernel, &[]);
    assert_eq!((said.status, said.out.as_str(), said.err.as_str()), (Some(0), "", ""));
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "hello from the serial port\n");
    assert!(!pid.exists());
    let said = say_of(&[&words[..], &["null", "-kernel"]].concat(), &kernel, &[]);
    assert_eq!((said.status, said.out.as_str()), (Some(0), ""));
    let said = say_of(&[&words[..], &["file:/nowhere/log", "-kernel"]].concat(), &kernel, &[]);
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("/nowhere/log"), "{}", said.err);
}

#[test]
fn no_option_of_qemus_ends_with_status_0_and_nothing_done() {
    for words in
        [&["-hda"][..], &["-hello"], &["-S"], &["-gdb", "tcp::1"], &["-cdrom", "a"], &["-m"], &["-hda", "/nowhere/a"]]
    {
        let said = common::say(&[&["run"], words, &["-kernel", "/nowhere/kernel"]].concat());
        assert!(matches!(said.status, Some(1 | 2)), "{words:?}: {:?}", said.status);
        assert!(said.out.is_empty() && !said.err.is_empty(), "{words:?}");
    }
}
