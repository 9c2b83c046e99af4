//! What the program says to wrong usage and bad files, and with which exit status.

use std::process::{Command, Output};

fn vhart(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vhart")).args(arguments).output().unwrap()
}

/// Exit status and standard error.
fn complaint(arguments: &[&str]) -> (Option<i32>, String) {
    let output = vhart(arguments);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn text(arguments: &[&str]) -> String {
    let output = vhart(arguments);
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn wrong_usage_is_status_2_and_names_the_option() {
    for (arguments, name) in [
        (&["run", "--memory", "3X", "Image"][..], "--memory"),
        (&["run", "--harts", "0", "Image"], "--harts"),
        (&["run", "--isa", "rv64gc_zicbon", "Image"], "zicbom"),
        (&["run", "--disk", "file=a,cache=much", "Image"], "writethrough"),
        (&["run", "--net", "none", "--forward", "2222:22", "Image"], "--net none"),
        (&["run", "--forward", "22", "Image"], "--forward"),
        (&["run", "--engine", "magic", "Image"], "interp"),
        (&["run", "--code-cache", "2G", "Image"], "1M to 1G"),
        (&["run", "--timeout", "soon", "Image"], "--timeout"),
        (&["run"], "nothing to run"),
        (&["run", "-hda"], "-hda"),
        (&["run", "-cpu", "rv64,v=true", "Image"], "\"v\""),
        (&["run", "--harts", "two", "Image"], "1 to 64 harts, not 'two'"),
        (&["run", "--harts", "-1", "Image"], "1 to 64 harts, not '-1'"),
        (&["run", "-m", "1M", "Image"], "4M to 8T"),
        (&["run", "--memory", "9T", "Image"], "4M to 8T"),
        (&["run", "--deterministic=x", "Image"], "a seed is a number, not 'x'"),
        (&["run", "--load", "addr=0x80000000", "Image"], "which file?"),
        (&["run", "--serial", "moon", "Image"], "stdio, null"),
        (&["run", "--net", "moon", "Image"], "user and none"),
        (&["run", "--firmware", "", "Image"], "builtin, none"),
        (&["elf", "--max-instructions", "some", "a"], "'some' is not a number"),
        (&["elf", "--max-instructions", "-1", "a"], "'-1' is not a number"),
        (&["elf", "--signature-granularity", "3", "a"], "1, 2, 4, 8"),
        (&["isa", "--isa", "rv64gc_zicbon"], "did you mean \"zicbom\"?"),
        (&["isa", "--isa", "rva22u64"], "did you mean \"rva22s64\"?"),
        (&["linux", "--guest-memory", "32M"], "64M"),
        (&["linux", "--guest-harts", "0"], "1 to 64 harts"),
        (&["linux", "--firmware", ""], "builtin, opensbi"),
        (&["linux", "--print", "vmware"], "qemu"),
        (&["linux", "--json", "a"], "--check"),
        (&["run", "--share", "", "Image"], "which directory?"),
        (&["run", "--share", "/,readonly,cache=loose", "Image"], "cache=loose"),
        (&["run", "--share", "/nowhere/at/all", "Image"], "there is no directory \"/nowhere/at/all\""),
        (&["run", "--share", "/dev/null", "Image"], "\"/dev/null\" is no directory"),
        (
            &["run", "--share", "/,readonly", "--share", "/,readonly,tag=share", "Image"],
            "two shares have the tag 'share'",
        ),
        (&["run", "--share", "/,readonly,tag=0123456789012345678901234567890x", "Image"], "1 to 31"),
        (&["linux", "--cache", "/dev/null", "--share", "/nowhere/at/all"], "there is no directory"),
        (&["linux", "--cache", "/dev/null", "--share", "/,readonly,tag=a/b"], "'a/b' is no name"),
        (&["completion", "sh"], "bash"),
        (&["elf"], "<FILE>"),
        (&["elf", "--engine", "kvm", "a"], "M-mode"),
        (&["run", "--engine", "kvm", "--max-instructions", "10M", "a"], "--max-instructions needs jit or interp"),
        (&["run", "--aia", "imsic", "a"], "none, aplic, aplic-imsic"),
        (&["run", "-M", "virt,aia=aplic-imsic,aia-guests=64", "a"], "a hart has 0 to 63 guest interrupt files"),
        (&["linux", "--aia", "aplic", "--aia-guests", "3"], "--aia-guests needs --aia aplic-imsic"),
        (&["elf", "--aia", "aplic-imsic", "--aia-guests", "1", "--isa", "rv64gc", "a"], "--isa has no h"),
        (&["run", "--engine", "kvm", "--kvm", "riscv-aia=fast", "a"], "auto, hwaccel or emul"),
        (&["run", "--htinst", "off", "a"], "transformed, zero"),
        (&["run", "--vmid-bits", "15", "a"], "15 is not in 0..=14"),
        (&["run", "--engine", "kvm", "--vmid-bits", "7", "a"], "a guest of engine kvm has no VMIDs"),
        (&["run", "--engine", "kvm", "--htinst", "zero", "a"], "a guest of engine kvm has no htinst"),
        (&["walk"], "walk"),
    ] {
        let (status, said) = complaint(arguments);
        assert_eq!(status, Some(2), "{arguments:?}: {said}");
        assert!(said.contains(name), "{arguments:?}: {said}");
    }
}

#[test]
fn what_is_no_disk_or_named_twice_is_said_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (disk, fifo, kernel) = (path("disk"), path("fifo"), path("kernel"));
    std::fs::write(&disk, [0; 512]).unwrap();
    std::fs::write(&kernel, [0x13; 64]).unwrap();
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let snapshot = format!("file={disk},snapshot=on");
    for (disks, reason) in [
        (vec![fifo.as_str()], "is a FIFO"),
        (vec!["/dev/null"], "is a character device"),
        (vec![&disk, &disk], "is named twice"),
        (vec![&disk, &snapshot], "is named twice"),
    ] {
        let words: Vec<&str> = disks.iter().flat_map(|disk| ["--disk", disk]).collect();
        let (status, said) = complaint(&[&["run", "--timeout", "5s", &kernel], &words[..]].concat());
        assert_eq!((status, said.lines().count()), (Some(1), 1), "{disks:?}: {said}");
        assert!(said.contains(reason), "{disks:?}: {said}");
    }
}

#[test]
fn a_forwarded_port_of_zero_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let kernel = directory.path().join("kernel");
    // Waits for an interrupt that never comes: wfi, and again.
    std::fs::write(&kernel, [0x10500073u32.to_le_bytes(), 0xffdff06fu32.to_le_bytes()].concat()).unwrap();
    let (status, said) =
        complaint(&["run", "--forward", "0:22", "--timeout", "200ms", "--kernel", kernel.to_str().unwrap()]);
    assert_eq!(status, Some(124), "{said}");
    assert!(said.starts_with("vhart: TCP 127.0.0.1:") && said.contains("leads to the guest's port 22"), "{said}");
    assert!(!said.contains("127.0.0.1:0 "), "{said}");
}

#[test]
fn help_describes_every_subcommand() {
    let help = text(&["--help"]);
    for name in ["run", "elf", "linux", "images", "completion", "man"] {
        assert!(help.contains(name), "{name}");
        assert!(text(&[name, "--help"]).contains("Usage: vhart"), "{name}");
    }
}

#[test]
fn completion_and_manual_are_generated() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(text(&["completion", shell]).contains("vhart"), "{shell}");
    }
    let page = text(&["man"]);
    assert!(page.contains(".TH vhart 1") && page.contains(".SH EXAMPLES"), "{page}");
    // Each example stands on a line of its own, as it is written.
    let examples = page.split(".nf\n").skip(1).map(|rest| rest.split("\n.fi").next().unwrap()).collect::<Vec<_>>();
    assert!(examples.len() >= 4 && examples.iter().all(|line| line.starts_with("  vhart ")), "{examples:?}");
}

#[test]
fn manual_pages_of_subcommands_are_written() {
    let directory = tempfile::tempdir().unwrap();
    text(&["man", "--directory", directory.path().to_str().unwrap()]);
    let page = std::fs::read_to_string(directory.path().join("vhart-run.1")).unwrap();
    assert!(page.contains("snapshot=on"));
}

#[test]
fn what_cannot_be_written_or_read_is_named_before_anything_is_fetched() {
    let directory = tempfile::tempdir().unwrap();
    // Nothing answers there: whoever fetched first would complain of it.
    let linux = ["linux", "--check", "--mirror", "http://127.0.0.1:1/", "--cache", directory.path().to_str().unwrap()];
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    let gdb = format!("--gdb={port}");
    for (more, name) in [
        (&["--json", "/nowhere/report.json"][..], "/nowhere/report.json"),
        (&["--stat=/nowhere/stat.json"], "/nowhere/stat.json"),
        (&["--trace", "/nowhere/run.vht"], "/nowhere/run.vht"),
        (&["--explain-json", "/nowhere/why.json"], "/nowhere/why.json"),
        (&["--explain-svg", "/nowhere/why.svg"], "/nowhere/why.svg"),
        (&["--keyring", "/nowhere/keys.asc"], "/nowhere/keys.asc"),
        (&["--vmm", "/nowhere/vmm"], "/nowhere/vmm"),
        (&["--kernel", "/nowhere/Image"], "/nowhere/Image"),
        (&[&gdb], &port),
    ] {
        let (status, said) = complaint(&[&linux[..], more].concat());
        assert!(status == Some(1) && said.contains(name), "{more:?}: {said}");
    }
    let (status, said) = complaint(&["linux", "--packages", "/nowhere/debs"]);
    assert!(status == Some(1) && said.contains("/nowhere/debs"), "{said}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn what_linux_lacks_in_an_instruction_set_is_said_before_it_says_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().to_str().unwrap();
    let said = |isa: &str| complaint(&["linux", "--mirror", "ftp://x", "--cache", place, "--isa", isa]).1;
    let both = said("rv64gc");
    assert!(both.contains("no zicntr") && both.contains("no h"), "{both}");
    let neither = said("rv64gch_zicntr");
    assert!(!neither.contains("--isa"), "{neither}");
}

#[test]
fn everything_is_removed_only_when_somebody_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().to_str().unwrap();
    let file = directory.path().join("boot/x.cpio");
    std::fs::create_dir(directory.path().join("boot")).unwrap();
    std::fs::write(&file, "x").unwrap();
    let (status, said) = complaint(&["images", "--cache", place, "--remove"]);
    assert!(status == Some(1) && said.contains("--yes") && file.exists(), "{said}");
    let (status, said) = complaint(&["images", "--cache", place, "--remove", "boot/y.cpio"]);
    assert!(status == Some(1) && said.contains("boot/y.cpio"), "{said}");
    assert!(text(&["images", "--cache", place, "--remove", "boot/x.cpio"]).starts_with("removed 1 B"));
    assert!(!file.exists());
    assert!(text(&["images", "--cache", place, "--remove", "--yes"]).starts_with("removed"));
}
