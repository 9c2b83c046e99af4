//! What programs and kernel said, and what of it is kept.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};

use super::kernel_log::KernelLog;
use super::options::Options;
use super::sections::{Section, Sections};
use crate::errors;
use crate::wire::{Core, Output};

/// What programs and kernel said, as far as a report wants it. Cloning shares it.
#[derive(Clone, Default)]
pub struct Heard {
    /// What the kernel said.
    pub log: KernelLog,
    sections: Option<Arc<Mutex<Sections>>>,
    cores: Option<Arc<Mutex<Cores>>>,
}

impl Heard {
    /// As the options want it; of several commands, which of these run here, by their places in the list.
    pub fn wanted(options: &Options, numbers: Vec<usize>) -> Heard {
        let wanted = options.junit.is_some() || options.json.is_some() || options.keep.is_some();
        let cores = options.keep.clone().map(|directory| Cores { directory, numbers, left: MOST_CORES });
        Heard {
            sections: wanted.then(Arc::default),
            cores: cores.map(Mutex::new).map(Arc::new),
            log: KernelLog::default(),
        }
    }

    /// Hears what a program said.
    pub fn hear(&self, output: Output, bytes: &[u8]) {
        if let Some(sections) = &self.sections {
            sections.lock().unwrap_or_else(PoisonError::into_inner).hear(output, bytes);
        }
    }

    /// A program has ended that wrote so much: what follows is the next one's.
    pub fn ends(&self, written: [u64; 2]) {
        if let Some(sections) = &self.sections {
            sections.lock().unwrap_or_else(PoisonError::into_inner).end(written);
        }
        if let Some(cores) = &self.cores {
            cores.lock().unwrap_or_else(PoisonError::into_inner).next();
        }
    }

    /// Keeps some more of a core.
    pub fn core(&self, core: &Core) {
        let Some(cores) = &self.cores else { return };
        if let Err(error) = cores.lock().unwrap_or_else(PoisonError::into_inner).keep(core) {
            errors::tell(format!("a core is not kept whole: {error:#}"));
        }
    }

    /// What was said since this was last asked, up to the end of a program if one has ended.
    pub fn next_section(&self) -> Section {
        let take = |sections: &Arc<Mutex<Sections>>| sections.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.sections.as_ref().map(take).unwrap_or_default()
    }
}

/// Most bytes of cores that are kept.
const MOST_CORES: u64 = 1 << 30;

/// Where cores go.
struct Cores {
    directory: PathBuf,
    /// The places in the list of the commands that run, where they are several.
    numbers: Vec<usize>,
    /// How many bytes more.
    left: u64,
}

impl Cores {
    fn keep(&mut self, core: &Core) -> Result<()> {
        let Some(left) = self.left.checked_sub(core.piece.len() as u64) else { return Ok(()) };
        self.left = left;
        let directory = directory_of(&self.directory, self.numbers.first().copied());
        let path = directory.join(file_name(&core.name));
        let failed = || format!("cannot write '{}'", path.display());
        std::fs::create_dir_all(&directory).with_context(failed)?;
        let mut file = File::options().append(true).create(true).open(&path).with_context(failed)?;
        file.write_all(&core.piece).with_context(failed)
    }

    fn next(&mut self) {
        if !self.numbers.is_empty() {
            self.numbers.remove(0);
        }
    }
}

/// Where what was said goes; of one of several commands into a directory named by its place in the list.
pub fn directory_of(keep: &Path, number: Option<usize>) -> PathBuf {
    number.map_or_else(|| keep.to_owned(), |number| keep.join((number + 1).to_string()))
}

/// The name as a file's of this computer: the machine chose it.
fn file_name(name: &[u8]) -> String {
    let plain = |&byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let name = name.iter().map(|byte| if plain(byte) { char::from(*byte) } else { '_' }).take(100).collect::<String>();
    format!("core-{}", name.trim_start_matches("core").trim_start_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cores_name_leads_nowhere_else() {
        assert_eq!(file_name(b"core.test.12"), "core-test.12");
        assert_eq!(file_name(b"../../etc/passwd"), "core-_.._etc_passwd");
        assert_eq!(file_name(b""), "core-");
    }
}
