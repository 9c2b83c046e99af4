//! Where it was measured.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use super::model::Environment;

/// This computer, now, and the riscv64 program.
///
/// # Errors
/// The program cannot be read.
pub fn now(program: &Path) -> Result<Environment> {
    let content = fs::read(program).with_context(|| format!("cannot read '{}'", program.display()))?;
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let uname = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    Ok(Environment {
        vhart: env!("CARGO_PKG_VERSION").to_owned(),
        processor: processor(&read("/proc/cpuinfo")).unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        processors: std::thread::available_parallelism().map_or(1, |count| count.get() as u64),
        system: format!("{} {} {}", text(uname.sysname()), text(uname.release()), text(uname.machine())),
        load: read("/proc/loadavg").split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default(),
        began: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        workloads_sha256: images::hash::hex_sha256(&[&content]),
        peer: None,
    })
}

/// The processor's name in `/proc/cpuinfo`, which each architecture calls otherwise.
fn processor(text: &str) -> Option<String> {
    let named = |line: &str| {
        let (name, value) = line.split_once(':')?;
        matches!(name.trim(), "model name" | "uarch" | "Processor").then(|| value.trim().to_owned())
    };
    text.lines().find_map(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named() {
        assert_eq!(processor("processor\t: 0\nmodel name\t: Fast One\n").as_deref(), Some("Fast One"));
        assert_eq!(processor(""), None);
    }
}
