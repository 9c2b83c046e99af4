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

#[test]
fn a_device_tree_of_the_users_is_told_the_command_line_and_the_initrd() {
    let programs = Programs::new();
    let (kernel, tree) = (programs.bare("finisher", &[("RESULT", 0x5555)]), programs.path("tree"));
    let (told, initrd) = (programs.path("told"), programs.path("initrd"));
    std::fs::write(&initrd, b"BZh9").unwrap();
    let own = ["run", "-smp", "3", "-M", &format!("virt,dumpdtb={}", tree.display())];
    assert_eq!(common::say(&own).status, Some(0));
    let words = ["run", "-bios", "none", "-append", "a word of mine", "-initrd", initrd.to_str().unwrap(), "-dtb"];
    let dump = ["-M", &format!("virt,dumpdtb={}", told.display())];
    assert_eq!(say_of(&words, &tree, &dump).status, Some(0));
    let content = std::fs::read(&told).unwrap();
    let holds = |text: &[u8]| content.windows(text.len()).any(|part| part == text);
    assert!(holds(b"a word of mine\0") && holds(b"linux,initrd-start\0") && holds(b"cpu@2\0"));
    let said = say_of(&words, &tree, &["-kernel", kernel.to_str().unwrap(), "--timeout", "60s"]);
    assert_eq!((said.status, said.out.as_str()), (Some(0), "hello from the serial port\n"), "{}", said.err);
    let said = say_of(&words, &kernel, &["-kernel", kernel.to_str().unwrap()]);
    assert_eq!((said.status, said.err.lines().count()), (Some(1), 1), "{}", said.err);
    assert!(said.err.contains("is no flattened device tree"), "{}", said.err);
}

#[test]
fn the_console_can_be_at_a_socket() {
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};
    let programs = Programs::new();
    let (echo, path) = (programs.bare("echo", &[]), programs.path("socket"));
    let vhart = |options: &str| {
        let serial = format!("unix:{}{options}", path.display());
        let words = ["run", "-bios", "none", "--timeout", "60s", "-serial", &serial, echo.to_str().unwrap()];
        common::vhart(&words).spawn().unwrap()
    };
    let talk = |mut stream: UnixStream, mut machine: std::process::Child| {
        stream.write_all(b"hello.").unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert_eq!((said.as_str(), machine.wait().unwrap().code()), ("hello.", Some(0)));
    };
    let listener = UnixListener::bind(&path).unwrap();
    let machine = vhart("");
    talk(listener.accept().unwrap().0, machine);
    drop(listener);
    // a program that another test is about to start may hold the listener for a moment still
    while UnixStream::connect(&path).is_ok() {}
    let machine = vhart(",server=on");
    let come = || std::iter::repeat_with(|| UnixStream::connect(&path)).take(1000);
    let stream = come().find_map(|stream| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        stream.ok()
    });
    talk(stream.unwrap(), machine);
}
