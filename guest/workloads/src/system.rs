//! What `std` has no word for: memory with rights, processes without programs, processor time, marks.

use std::fs::File;
use std::io::Error;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd as _, FromRawFd as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Bytes of a page.
pub const PAGE: usize = 4096;
/// Bytes of a large page.
const HUGE: usize = 2 << 20;

/// Which pages memory is to be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// Of 4 KiB, and no others.
    Small,
    /// Of 2 MiB: [`Mapping::are_huge`] says whether the kernel had some.
    Huge,
}

/// Where Linux says whether it gives large pages: to all, to those who ask, or never.
const HUGE_ENABLED: &str = "/sys/kernel/mm/transparent_hugepage/enabled";

/// Linux gives no large pages where it has less than 512 MiB of memory, as in a guest, unless it is told to, which root
/// may.
fn ask_for_huge_pages() {
    if std::fs::read_to_string(HUGE_ENABLED).is_ok_and(|setting| setting.contains("[never]")) {
        let _ = std::fs::write(HUGE_ENABLED, "madvise");
    }
}

/// Bytes of this process in large pages.
fn in_huge_pages() -> Result<usize, String> {
    const FILE: &str = "/proc/self/smaps_rollup";
    let text = std::fs::read_to_string(FILE).map_err(|why| format!("{FILE}: {why}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("AnonHugePages:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<usize>().ok());
    Ok(kibibytes.ok_or_else(|| format!("{FILE}: it has no AnonHugePages"))? << 10)
}

/// Fresh memory, aligned to 2 MiB.
pub struct Mapping {
    /// What was mapped, of which the memory is a part.
    whole: *mut libc::c_void,
    whole_len: usize,
    start: *mut u64,
    len: usize,
    writable: bool,
}

fn failed(what: &str) -> String {
    format!("{what}: {}", Error::last_os_error())
}

impl Mapping {
    /// Maps so many bytes.
    pub fn new(len: usize, pages: Pages) -> Result<Mapping, String> {
        if pages == Pages::Huge {
            ask_for_huge_pages();
        }
        let whole_len = len + HUGE;
        let (rights, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: the kernel chooses a place where nothing is.
        let whole = unsafe { libc::mmap(std::ptr::null_mut(), whole_len, rights, kind, -1, 0) };
        if whole == libc::MAP_FAILED {
            return Err(failed("mmap"));
        }
        // below `whole + HUGE`, so that `len` bytes follow within the mapping
        let start = whole.wrapping_byte_add(whole.align_offset(HUGE)).cast();
        let mapping = Mapping { whole, whole_len, start, len, writable: true };
        let advice = if pages == Pages::Huge { libc::MADV_HUGEPAGE } else { libc::MADV_NOHUGEPAGE };
        mapping.advise(advice, "madvise").or_else(|why| match pages {
            Pages::Huge => Ok(()),
            // A kernel without large pages needs no advice.
            Pages::Small if Error::last_os_error().raw_os_error() == Some(libc::EINVAL) => Ok(()),
            Pages::Small => Err(why),
        })?;
        Ok(mapping)
    }

    /// The memory.
    ///
    /// # Panics
    /// If it may not be written.
    pub fn words(&mut self) -> &mut [u64] {
        assert!(self.writable, "it is protected");
        // SAFETY: `start` is aligned, `len` bytes from there are mapped, readable and writable for as long as `self`,
        // and nobody else has them.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len / size_of::<u64>()) }
    }

    /// An error unless what was touched, all of it, is in pages of 2 MiB.
    pub fn are_huge(&self) -> Result<(), String> {
        // a loss that is planted is to be measured
        if ONLY_SMALL.load(Ordering::Relaxed) {
            return Ok(());
        }
        let (huge, all) = (in_huge_pages()? >> 20, self.len >> 20);
        match huge >= all {
            true => Ok(()),
            false => Err(format!("pages of 2 MiB for {huge} MiB of {all}: see {HUGE_ENABLED}")),
        }
    }

    /// The same by bytes.
    pub fn bytes(&mut self) -> &mut [u8] {
        let words = self.words();
        // SAFETY: they are the words' bytes, which may be anything, for as long as the words are borrowed.
        unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), size_of_val(words)) }
    }

    /// Takes the right to write, or gives it back.
    pub fn protect(&mut self, only_read: bool) -> Result<(), String> {
        let rights = if only_read { libc::PROT_READ } else { libc::PROT_READ | libc::PROT_WRITE };
        // SAFETY: the range is this mapping's own, and nobody has a reference into it.
        let done = unsafe { libc::mprotect(self.start.cast(), self.len, rights) };
        self.writable = done == 0 && !only_read;
        if done == 0 { Ok(()) } else { Err(failed("mprotect")) }
    }

    /// Forgets what is in it: it will be zero.
    pub fn discard(&mut self) -> Result<(), String> {
        self.advise(libc::MADV_DONTNEED, "madvise")
    }

    fn advise(&self, advice: libc::c_int, what: &str) -> Result<(), String> {
        // SAFETY: the range is this mapping's own, and nobody has a reference into it; what is in it may be zero at any
        // time.
        let done = unsafe { libc::madvise(self.start.cast(), self.len, advice) };
        if done == 0 { Ok(()) } else { Err(failed(what)) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it is this mapping, which nobody has a reference into.
        unsafe { libc::munmap(self.whole, self.whole_len) };
    }
}

/// The parent's number, asked of the kernel each time.
pub fn parent() -> i64 {
    // SAFETY: getppid has no arguments and cannot fail.
    unsafe { libc::syscall(libc::SYS_getppid) }
}

/// Makes a process that ends with this status at once, and answers with which it ended.
pub fn fork_and_end(status: u8) -> Result<u8, String> {
    // SAFETY: the child calls nothing but `_exit`, which may be called behind fork whatever other threads held.
    let child = unsafe { libc::fork() };
    match child {
        -1 => return Err(failed("fork")),
        // SAFETY: it ends the process without running anything of it.
        0 => unsafe { libc::_exit(status.into()) },
        _ => {}
    }
    let mut how = 0;
    // SAFETY: `how` is there to be written to.
    if unsafe { libc::waitpid(child, &raw mut how, 0) } != child {
        return Err(failed("waitpid"));
    }
    if libc::WIFEXITED(how) { Ok(libc::WEXITSTATUS(how) as u8) } else { Err("the child was killed".into()) }
}

/// Processor time of this process and its children that have ended.
pub fn processor_time() -> Duration {
    [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN].into_iter().map(usage).sum()
}

fn usage(whose: libc::c_int) -> Duration {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `usage` is there to be written to, and zeros are a value that it may have.
    let usage = unsafe {
        libc::getrusage(whose, usage.as_mut_ptr());
        usage.assume_init()
    };
    let time = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// Waits until all that was written to a terminal is out.
pub fn drain(port: &File) -> Result<(), String> {
    // SAFETY: the descriptor is open.
    let done = unsafe { libc::tcdrain(port.as_raw_fd()) };
    if done == 0 { Ok(()) } else { Err(failed("tcdrain")) }
}

/// Whether it has no large pages.
static ONLY_SMALL: AtomicBool = AtomicBool::new(false);

/// From now on this process has no large pages, whatever it asks for.
pub fn only_small_pages() -> Result<(), String> {
    ONLY_SMALL.store(true, Ordering::Relaxed);
    // SAFETY: it changes nothing but how the kernel places memory that comes later.
    let done = unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) };
    if done == 0 { Ok(()) } else { Err(failed("prctl")) }
}

/// Processors that this process may use, by their numbers.
pub fn processors() -> Vec<usize> {
    let mut set = std::mem::MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: `set` is as large as is said, and zeros are a set.
    let set = unsafe {
        libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), set.as_mut_ptr());
        set.assume_init()
    };
    // SAFETY: the numbers are below the set's size.
    (0..libc::CPU_SETSIZE as usize).filter(|number| unsafe { libc::CPU_ISSET(*number, &set) }).collect()
}

/// Keeps the calling thread on a processor.
pub fn stay_on(processor: usize) -> Result<(), String> {
    let mut set = std::mem::MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: zeros are a set, the number is one that `processors` gave, and the set is as large as is said.
    let done = unsafe {
        libc::CPU_SET(processor, &mut *set.as_mut_ptr());
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), set.as_ptr())
    };
    if done == 0 { Ok(()) } else { Err(failed("sched_setaffinity")) }
}

/// `membarrier`'s command, which the C library has no name for.
fn membarrier(command: libc::c_int) -> Result<(), String> {
    // SAFETY: it has the effect of a fence.
    let done = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
    if done == 0 { Ok(()) } else { Err(failed("membarrier")) }
}

/// Has the kernel prepare [`interrupt_others`].
pub fn may_interrupt_others() -> Result<(), String> {
    membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
}

/// Interrupts each processor that runs a thread of this process, and waits until it was.
pub fn interrupt_others() -> Result<(), String> {
    membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
}

/// A file past the kernel's cache.
pub fn open_direct(path: &str) -> std::io::Result<File> {
    File::options().read(true).write(true).custom_flags(libc::O_DIRECT).open(path)
}

/// A socket for echo requests.
pub fn ping_socket() -> std::io::Result<UdpSocket> {
    // SAFETY: it makes a descriptor, of which nobody knows yet.
    let descriptor = unsafe { libc::socket(libc::AF_INET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::IPPROTO_ICMP) };
    if descriptor < 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: it is open and nobody else's. What a `UdpSocket` does with it, sending to an address and receiving, a raw
    // socket can.
    Ok(unsafe { UdpSocket::from_raw_fd(descriptor) })
}

/// What a mark says.
#[derive(Clone, Copy, Debug)]
pub enum Mark {
    /// A stretch begins.
    Begin = 1,
    /// It ends.
    End = 2,
}

/// Tells whoever watches the machine: a system call of that number, which no system has.
pub fn mark(number: u64, mark: Mark, name: &str) {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(name.bytes()).for_each(|(to, byte)| *to = byte);
    let number_of = u128::from_le_bytes(bytes);
    // SAFETY: a call that there is not has no effect; what the number is good for is its user's to know.
    unsafe { libc::syscall(number as libc::c_long, mark as u64, number_of as u64, (number_of >> 64) as u64) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_aligned_fresh_and_forgets() {
        let mut mapping = Mapping::new(2 * HUGE, Pages::Huge).unwrap();
        let words = mapping.words();
        assert_eq!((words.as_ptr() as usize % HUGE, words.len() * 8, words[1]), (0, 2 * HUGE, 0));
        words[1] = 5;
        mapping.protect(true).unwrap();
        mapping.protect(false).unwrap();
        assert_eq!(mapping.words()[1], 5);
        mapping.discard().unwrap();
        assert_eq!(mapping.words()[1], 0);
    }

    #[test]
    fn small_pages_are_told_from_large_ones() {
        let mut mapping = Mapping::new(64 * HUGE, Pages::Small).unwrap();
        mapping.words().iter_mut().step_by(PAGE / size_of::<u64>()).for_each(|word| *word = 1);
        let why = mapping.are_huge().unwrap_err();
        assert!(why.contains(" of 128: see /sys/"), "{why}");
    }

    #[test]
    #[should_panic(expected = "it is protected")]
    fn protected_memory_is_not_handed_out() {
        let mut mapping = Mapping::new(PAGE, Pages::Small).unwrap();
        mapping.protect(true).unwrap();
        mapping.words();
    }

    #[test]
    fn a_process_ends_as_told() {
        assert_eq!(fork_and_end(9), Ok(9));
        let before = processor_time();
        assert!(parent() > 0 && processor_time() >= before);
    }
}
