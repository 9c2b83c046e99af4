//! Programs for tests: assembled from `tests/programs`, and run through the binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The cross tools' prefix; they are in Debian's package binutils-riscv64-linux-gnu, and `cargo xtask test` gets them.
const CROSS: &str = "riscv64-linux-gnu-";

/// A directory with assembled programs in it.
pub struct Programs(tempfile::TempDir);

impl Programs {
    pub fn new() -> Programs {
        Programs(tempfile::tempdir().unwrap())
    }

    /// A path within the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Assembles `tests/programs/NAME.s` with these symbols, for this address.
    pub fn assemble(&self, name: &str, symbols: &[(&str, u64)], address: u64) -> PathBuf {
        self.link(name, symbols, &["--build-id=none", "--omagic", &format!("-Ttext={address:#x}")])
    }

    /// The same, linked with these options of ld.
    pub fn link(&self, name: &str, symbols: &[(&str, u64)], options: &[&str]) -> PathBuf {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
        let (object, program) = (self.path(&format!("{name}.o")), self.path(name));
        let symbols = symbols.iter().map(|(symbol, value)| format!("--defsym={symbol}={value}"));
        // Else the linker would address data by gp, which these programs do not set.
        let mut assembler = tool("as", &["-march=rv64gc", "-mabi=lp64d", "-fpic"]);
        run(assembler.args(symbols).arg("-o").arg(&object).arg(format!("{name}.s")).current_dir(&sources));
        let mut linker = tool("ld", &["-static"]);
        run(linker.args(options).arg("-o").arg(&program).arg(&object));
        program
    }

    /// A program that runs from the beginning of memory.
    pub fn bare(&self, name: &str, symbols: &[(&str, u64)]) -> PathBuf {
        self.assemble(name, symbols, 0x8000_0000)
    }
}

fn tool(name: &str, words: &[&str]) -> Command {
    let mut command = Command::new(format!("{CROSS}{name}"));
    command.args(words);
    command
}

fn run(command: &mut Command) {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().unwrap_or_else(|e| panic!("{name}: {e}; `cargo xtask test` gets it"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The binary with these arguments, with nothing to read.
pub fn vhart<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vhart"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// What the binary said, as text.
pub struct Said {
    pub status: Option<i32>,
    #[allow(dead_code, reason = "not every test looks at it")]
    pub out: String,
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// Runs the binary to its end.
pub fn say<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Said {
    vhart(arguments).output().unwrap().into()
}

/// Runs the binary with a file between words.
#[allow(dead_code, reason = "not every test has one")]
pub fn say_of(before: &[&str], file: &Path, after: &[&str]) -> Said {
    let words = before.iter().map(|word| (*word).into()).chain([file.as_os_str().to_owned()]);
    say(&words.chain(after.iter().map(|word| (*word).into())).collect::<Vec<std::ffi::OsString>>())
}
