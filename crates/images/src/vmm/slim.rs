//! The unpacked tool chain without a library that is needed by name only.
//!
//! LLVM's library names Z3, a solver of 28 MB that no compiler asks. Functions are looked up when they are first called
//! (ld.so(8), LD_BIND_NOW), so that a library whose functions nobody calls need not be there, once it is not named.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use object::LittleEndian;
use object::elf::{self, FileHeader64};
use object::read::elf::{Dynamic, FileHeader, SectionHeader, SectionTable};

use crate::error::{OnFile, Result};
use crate::tree::children;

/// Who names it.
const NAMING: &str = "libLLVM";

/// What is not needed.
const UNCALLED: &str = "libz3.so";

type Elf = FileHeader64<LittleEndian>;

/// Takes the library out of the directory `libraries`, if who names it can do without.
pub(super) fn slim(libraries: &Path) -> Result<()> {
    let names = children(libraries)?;
    let called = |start| names.iter().filter(move |name| name.starts_with(start)).map(|name| libraries.join(name));
    for path in called(NAMING).filter(|path| !path.is_symlink()) {
        if !forget(&path).on_file("read", &path)? {
            return Ok(());
        }
    }
    called(UNCALLED).try_for_each(|path| fs::remove_file(&path).on_file("remove", &path))
}

/// Has the library at `path` name it no more; answers whether it can do without.
fn forget(path: &Path) -> io::Result<bool> {
    let data = fs::read(path)?;
    let Some((place, entries)) = without(&data, UNCALLED).map_err(io::Error::other)? else { return Ok(false) };
    File::options().write(true).open(path)?.write_all_at(&entries, place)?;
    Ok(true)
}

/// The dynamic section of the library `data` that names no library which begins with `name`, and where in the file it
/// goes; none where the library has none, looks everything up when it starts, or asks for a version of such a library.
fn without(data: &[u8], name: &str) -> object::read::Result<Option<(u64, Vec<u8>)>> {
    let sections = Elf::parse(data)?.sections(LittleEndian, data)?;
    let table = sections.dynamic_table(LittleEndian, data)?;
    let Some(section) = sections.iter().find(|section| section.sh_type(LittleEndian) == elf::SHT_DYNAMIC) else {
        return Ok(None);
    };
    // An empty section may lie anywhere, also behind the file's end.
    if table.is_empty() || table.iter().any(binds_now) || asks_for_version(&sections, data, name)? {
        return Ok(None);
    }
    let named = |entry: &Dynamic| {
        entry.tag == elf::DT_NEEDED && table.string(*entry).is_ok_and(|text| text.starts_with(name.as_bytes()))
    };
    let mut bytes = Vec::new();
    for entry in table.iter().filter(|entry| !named(entry)) {
        bytes.extend(entry.tag.0.to_le_bytes());
        bytes.extend(entry.val.to_le_bytes());
    }
    // The end is where the zeros begin.
    bytes.resize(size_of_val(table.dynamics()), 0);
    Ok(Some((section.sh_offset(LittleEndian), bytes)))
}

/// Where a library would be written over, if it can do without.
pub(super) fn rewritten(library: &[u8]) -> Option<Range<u64>> {
    let (place, entries) = without(library, UNCALLED).ok()??;
    Some(place..place + entries.len() as u64)
}

/// Whether an entry has all functions looked up at the start (System V ABI, Dynamic Section).
fn binds_now(entry: Dynamic) -> bool {
    match entry.tag {
        elf::DT_BIND_NOW => true,
        elf::DT_FLAGS => entry.val & elf::DF_BIND_NOW.0 != 0,
        elf::DT_FLAGS_1 => entry.val & elf::DF_1_NOW.0 != 0,
        _ => false,
    }
}

/// Whether a version of the library is asked for at the start.
fn asks_for_version(sections: &SectionTable<'_, Elf>, data: &[u8], name: &str) -> object::read::Result<bool> {
    let Some((mut needs, link)) = sections.gnu_verneed(LittleEndian, data)? else { return Ok(false) };
    let strings = sections.strings(LittleEndian, data, link)?;
    while let Some((need, _)) = needs.next()? {
        if need.file(LittleEndian, strings)?.starts_with(name.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use std::process::Command;

    use super::*;

    /// Has the C compiler that links this test make something in `place` of a line of C.
    fn compile(place: &Path, made: &str, source: &str, words: &[&str]) {
        fs::write(place.join("source.c"), source).unwrap();
        let mut cc = Command::new("cc");
        cc.args(["-o", made, "source.c"]).args(words).args(["-Wl,--no-as-needed", "-L.", "-Wl,-rpath,$ORIGIN"]);
        assert!(cc.current_dir(place).status().unwrap().success(), "{made}");
    }

    /// A program whose library names another, which is called only on request.
    fn place(binding: &str) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        let at = place.path();
        compile(at, "libz3.so.99", "int Z3_ask(void) { return 1; }", &["-shared", "-fPIC", "-Wl,-soname,libz3.so.99"]);
        let source = "int Z3_ask(void); int compile(int ask) { return ask ? Z3_ask() : 0; }";
        let words = ["-shared", "-fPIC", "-Wl,-soname,libLLVM.so.1", "-Wl,-z", binding, "-l:libz3.so.99"];
        compile(at, "libLLVM.so.1", source, &words);
        let source = "int compile(int); int main(void) { return compile(0); }";
        compile(at, "rustc", source, &["-l:libLLVM.so.1", "-Wl,--allow-shlib-undefined"]);
        place
    }

    fn runs(place: &Path) -> bool {
        Command::new(place.join("rustc")).env_remove("LD_BIND_NOW").output().unwrap().status.success()
    }

    #[test]
    fn a_compiler_runs_without_a_library_that_it_never_calls() {
        let place = place("-Wl,lazy");
        assert!(runs(place.path()));
        fs::rename(place.path().join("libz3.so.99"), place.path().join("aside")).unwrap();
        assert!(!runs(place.path()), "it is needed by name");
        fs::rename(place.path().join("aside"), place.path().join("libz3.so.99")).unwrap();
        slim(place.path()).unwrap();
        assert!(!place.path().join("libz3.so.99").exists());
        assert!(runs(place.path()));
    }

    #[test]
    fn a_library_that_is_bound_at_the_start_stays() {
        let place = place("-Wl,now");
        slim(place.path()).unwrap();
        assert!(place.path().join("libz3.so.99").exists());
        assert!(runs(place.path()));
    }

    #[test]
    fn a_damaged_library_is_named() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("libLLVM.so.1"), "no ELF file").unwrap();
        let why = slim(place.path()).unwrap_err().to_string();
        assert!(why.contains("libLLVM.so.1"), "{why}");
    }
}
