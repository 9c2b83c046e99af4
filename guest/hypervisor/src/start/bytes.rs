//! Copying, filling and comparing memory: what compilers call by C's names, where no C library is.
//!
//! The library of a target without a system has these; that of Debian's compiler, which is made for Linux, has not. The
//! accesses are volatile so that no compiler makes calls to these very functions of them.

/// The largest unit in which `addresses` are both whole.
fn unit(addresses: usize) -> usize {
    match addresses {
        a if a.is_multiple_of(8) => 8,
        a if a.is_multiple_of(4) => 4,
        _ => 1,
    }
}

/// Units that are copied in one turn of a loop.
const AT_ONCE: usize = 4;

/// Copies `count` units of type `T`, from the lowest on. In an array of its own a turn would be copied by `memcpy`.
unsafe fn up<T: Copy>(to: *mut u8, from: *const u8, count: usize) {
    let (mut to, mut from) = (to.cast::<T>(), from.cast::<T>());
    // SAFETY: the caller has that many units at both.
    unsafe {
        for _ in 0..count / AT_ONCE {
            let (a, b) = (from.read_volatile(), from.add(1).read_volatile());
            let (c, d) = (from.add(2).read_volatile(), from.add(3).read_volatile());
            to.write_volatile(a);
            to.add(1).write_volatile(b);
            to.add(2).write_volatile(c);
            to.add(3).write_volatile(d);
            (to, from) = (to.add(AT_ONCE), from.add(AT_ONCE));
        }
        (0..count % AT_ONCE).for_each(|at| to.add(at).write_volatile(from.add(at).read_volatile()));
    }
}

/// C's `memcpy`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    let unit = unit(to as usize | from as usize);
    let whole = len / unit * unit;
    // SAFETY: the caller has `len` bytes at both, which are that many units and a rest.
    unsafe {
        match unit {
            8 => up::<u64>(to, from, whole / 8),
            4 => up::<u32>(to, from, whole / 4),
            _ => up::<u8>(to, from, whole),
        }
        up::<u8>(to.add(whole), from.add(whole), len - whole);
    }
    to
}

/// C's `memmove`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    if (to as usize).wrapping_sub(from as usize) >= len {
        // SAFETY: as the caller promised; going up reads nothing that was written.
        return unsafe { memcpy(to, from, len) };
    }
    for at in (0..len).rev() {
        // SAFETY: the caller has `len` bytes at both.
        unsafe { to.add(at).write_volatile(from.add(at).read_volatile()) };
    }
    to
}

/// C's `memset`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, value: i32, len: usize) -> *mut u8 {
    let byte = value as u8;
    let whole = if unit(to as usize) == 8 { len / 8 * 8 } else { 0 };
    let word = u64::from_ne_bytes([byte; 8]);
    for at in 0..whole / 8 {
        // SAFETY: the caller has `len` bytes, and the address is one of words.
        unsafe { to.cast::<u64>().add(at).write_volatile(word) };
    }
    for at in whole..len {
        // SAFETY: the same.
        unsafe { to.add(at).write_volatile(byte) };
    }
    to
}

/// C's `memcmp`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, len: usize) -> i32 {
    for at in 0..len {
        // SAFETY: the caller has `len` bytes at both.
        let (a, b) = unsafe { (one.add(at).read_volatile(), other.add(at).read_volatile()) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

/// C's `bcmp`: whether they differ.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, len: usize) -> i32 {
    // SAFETY: as the caller promised.
    unsafe { memcmp(one, other, len) }
}

/// What a library refers to that was compiled to unwind; nothing here does.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// The same.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    panic!("nothing unwinds")
}
