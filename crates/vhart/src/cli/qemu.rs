//! One dash or two: QEMU's long options begin with one.

use std::ffi::OsString;

/// QEMU's options that mean the same here.
const NAMES: [&str; 16] = [
    "kernel",
    "initrd",
    "append",
    "bios",
    "smp",
    "cpu",
    "machine",
    "accel",
    "drive",
    "nic",
    "nographic",
    "no-reboot",
    "memory",
    "disk",
    "net",
    "forward",
];

/// The same words with two dashes where QEMU writes one. What follows `--` stays as it is.
pub fn respell(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut options = true;
    let respelled = words.into_iter().map(|word| {
        options &= word != "--";
        match word.to_str().and_then(|text| text.strip_prefix('-')) {
            Some(name) if options && is_qemus(name) => format!("--{name}").into(),
            _ => word,
        }
    });
    respelled.collect()
}

fn is_qemus(name: &str) -> bool {
    NAMES.contains(&name.split('=').next().unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_qemus_words_change() {
        let words = ["-kernel", "--kernel", "-m", "-smp=2", "-k", "--", "-append"].map(OsString::from);
        let expected = ["--kernel", "--kernel", "-m", "--smp=2", "-k", "--", "-append"].map(OsString::from);
        assert_eq!(respell(words), expected);
    }
}
