//! The host's kernel, and since when kernels are right.

use std::fs;

/// The first release, of those tried, without the faults that older ones are known for.
pub const RIGHT: (u32, u32) = (7, 2);

/// The same in words.
pub fn right() -> String {
    let (major, minor) = RIGHT;
    format!("{major}.{minor}")
}

/// What the host's kernel calls itself.
pub fn of_this_host() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}

/// Whether a kernel's release is older than `wanted`. One that does not say so is not.
pub fn is_before(release: &str, wanted: (u32, u32)) -> bool {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map(str::parse);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else { return false };
    (major, minor) < wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_their_numbers() {
        let old = ["6.12.107+deb13-riscv64", "7.1.0", "5.10", "7.0-rc3\n"];
        let right = ["7.2.12+deb14-riscv64\n", "7.10.1", "10.0.0", "", "next-20261101"];
        assert!(old.iter().all(|release| is_before(release, RIGHT)));
        assert!(!right.iter().any(|release| is_before(release, RIGHT)));
    }
}
