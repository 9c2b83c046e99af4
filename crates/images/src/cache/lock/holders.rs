//! Which processes have locked a file, by what Linux tells of all locks.
//!
//! proc_locks(5): a lock's number, its kind, whether it is advisory, whether it is for reading, the process, the device
//! and the inode of the file, and the bytes. Who waits has an arrow behind the number.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

/// The processes that have locked `file` as a whole; none where nobody tells.
pub fn of(file: &File) -> Vec<u32> {
    let Ok(metadata) = file.metadata() else { return Vec::new() };
    let device = metadata.dev();
    let of_it = format!("{:02x}:{:02x}:{}", rustix::fs::major(device), rustix::fs::minor(device), metadata.ino());
    listed(&fs::read_to_string("/proc/locks").unwrap_or_default(), &of_it)
}

/// The holders in a list of locks, in order and each once.
fn listed(locks: &str, file: &str) -> Vec<u32> {
    let holder = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [_, "FLOCK", _, _, process, place, ..] if place == file => process.parse().ok(),
        _ => None,
    };
    // Of a process in another container none is told but 0.
    let mut processes: Vec<u32> = locks.lines().filter_map(holder).filter(|&process| process != 0).collect();
    processes.sort();
    processes.dedup();
    processes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders_are_told_from_those_who_wait_and_from_other_files() {
        let locks = "1: FLOCK  ADVISORY  READ 812 fe:00:131 0 EOF\n\
                     1: -> FLOCK  ADVISORY  WRITE 900 fe:00:131 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 4 fe:00:131 0 EOF\n\
                     3: FLOCK  ADVISORY  READ 77 fe:00:131 0 EOF\n\
                     4: FLOCK  ADVISORY  READ 0 fe:00:131 0 EOF\n\
                     5: FLOCK  ADVISORY  WRITE 5 fe:00:132 0 EOF\n";
        assert_eq!(listed(locks, "fe:00:131"), [77, 812]);
        assert!(listed("", "fe:00:131").is_empty());
    }

    #[test]
    fn a_lock_of_ones_own_is_found() {
        // In memory, as /tmp may be on layers, where a file's device is not its lock's.
        let file = tempfile::tempfile_in("/dev/shm").unwrap();
        assert!(of(&file).is_empty());
        file.lock_shared().unwrap();
        assert_eq!(of(&file), [std::process::id()]);
    }
}
