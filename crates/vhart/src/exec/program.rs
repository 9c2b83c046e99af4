//! Which file is run: one of the machine's, or one from here that goes along.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use object::LittleEndian;
use object::elf::{
    ELFCLASS64, ELFDATA2LSB, EM_386, EM_AARCH64, EM_ARM, EM_PPC64, EM_RISCV, EM_S390, EM_X86_64, ET_DYN, ET_EXEC,
    FileHeader64, PT_INTERP,
};
use object::read::elf::{FileHeader, ProgramHeader};

use super::options::Rootfs;
use super::status::{CANNOT_RUN, NOT_FOUND};

const CUT_OFF: &str = "is an ELF file that is cut off";

/// What is to be run.
#[derive(Debug, PartialEq, Eq)]
pub enum Program {
    /// A program that the machine has.
    Machines,
    /// A program from here.
    Ours(Vec<u8>),
}

/// Why a program is not run, and the exit status that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 126 or 127.
    pub status: u8,
    /// The sentence.
    pub why: String,
}

impl Refusal {
    fn of(word: &OsStr, kind: &Kind) -> Refusal {
        Refusal { status: kind.status(), why: format!("{} {}", Path::new(word).display(), kind.fault()) }
    }
}

/// Looks for the program that the user named `word`: a relative path is one of this computer's, a word without a slash
/// one of the machine's, and an absolute path this computer's where that is a program for riscv64, else the machine's.
///
/// # Errors
/// A relative path that is not here, or that riscv64 cannot run.
pub fn find(word: &OsStr, rootfs: Rootfs, read: &dyn Fn(&Path) -> io::Result<Vec<u8>>) -> Result<Program, Refusal> {
    let path = Path::new(word);
    if !word.as_bytes().contains(&b'/') {
        return Ok(Program::Machines);
    }
    let name = path.display();
    let content = match read(path) {
        Ok(content) => content,
        Err(_) if path.is_absolute() => return Ok(Program::Machines),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let why = format!("there is no {name} here; a command of the machine's own is written without a slash");
            return Err(Refusal { status: NOT_FOUND, why });
        }
        Err(error) => {
            let why = crate::errors::without_number(&error.to_string());
            return Err(Refusal { status: CANNOT_RUN, why: format!("cannot read {name}: {why}") });
        }
    };
    match (Kind::of(&content), path.is_absolute()) {
        (Kind::Static | Kind::Script, _) => Ok(Program::Ours(content)),
        (Kind::Dynamic(_), _) if rootfs == Rootfs::Debian => Ok(Program::Ours(content)),
        (_, true) => Ok(Program::Machines),
        (kind, false) => Err(Refusal::of(word, &kind)),
    }
}

/// Looks at a program that is in a share, as far as its head tells: what is wrong with it is said before anything
/// boots.
///
/// # Errors
/// riscv64 cannot run it.
pub fn check_shared(word: &OsStr, rootfs: Rootfs, head: &[u8]) -> Result<(), Refusal> {
    match Kind::of(head) {
        Kind::Static | Kind::Script => Ok(()),
        Kind::Dynamic(_) if rootfs == Rootfs::Debian => Ok(()),
        kind => Err(Refusal::of(word, &kind)),
    }
}

/// What a file is to who would run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A program for riscv64 that needs nothing else.
    Static,
    /// One that needs this interpreter.
    Dynamic(String),
    /// A script.
    Script,
    /// Anything else, in words that follow the file's name.
    Foreign(&'static str),
}

impl Kind {
    /// Of a file that begins so.
    pub fn of(content: &[u8]) -> Kind {
        let half = |at: usize| content.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes);
        let wide = content.get(4..6) == Some(&[ELFCLASS64.0, ELFDATA2LSB.0]);
        match (content.get(..4), half(16), half(18)) {
            (None, ..) if content.is_empty() => Kind::Foreign("is empty"),
            _ if content.starts_with(b"#!") => Kind::Script,
            (Some(b"\x7fELF"), Some(kind), Some(machine)) => match machine {
                _ if machine != EM_RISCV.0 => Kind::Foreign(other_machine(machine)),
                _ if !wide => {
                    Kind::Foreign("is a 32-bit RISC-V program, and this machine is riscv64: build it for rv64")
                }
                _ if content.len() < size_of::<FileHeader64<LittleEndian>>() => Kind::Foreign(CUT_OFF),
                _ if kind != ET_EXEC.0 && kind != ET_DYN.0 => Kind::Foreign("is an ELF file that is not linked"),
                _ => interpreter(content).map_or(Kind::Static, Kind::Dynamic),
            },
            (Some(b"\x7fELF"), ..) => Kind::Foreign(CUT_OFF),
            (Some([b'M', b'Z', ..]), ..) => {
                Kind::Foreign("is a program for Windows, and this machine is riscv64 Linux")
            }
            _ => Kind::Foreign("is no program: neither an ELF file nor a script that begins with #!"),
        }
    }

    /// The exit status where it cannot be run.
    pub fn status(&self) -> u8 {
        match self {
            Kind::Dynamic(_) => NOT_FOUND,
            _ => CANNOT_RUN,
        }
    }

    /// Why it cannot be run, in words that follow its name.
    pub fn fault(&self) -> String {
        match self {
            Kind::Static => "cannot be run".to_owned(),
            Kind::Script => "is a script whose interpreter, behind #!, the machine does not have".to_owned(),
            Kind::Dynamic(interpreter) => format!(
                "is dynamically linked and needs {interpreter} with its libraries, which this machine does not have: link it \
                 with -static (in Rust, --target riscv64gc-unknown-linux-musl), or give it Debian's C library with --rootfs debian"
            ),
            Kind::Foreign(fault) => (*fault).to_owned(),
        }
    }
}

fn other_machine(machine: u16) -> &'static str {
    const CROSS: [(u16, &str); 6] = [
        (EM_X86_64.0, "is an x86-64 program, and this machine is riscv64: build it with --target or a cross compiler"),
        (EM_386.0, "is a 32-bit x86 program, and this machine is riscv64: build it with --target or a cross compiler"),
        (
            EM_AARCH64.0,
            "is an AArch64 program, and this machine is riscv64: build it with --target or a cross compiler",
        ),
        (EM_ARM.0, "is a 32-bit Arm program, and this machine is riscv64: build it with --target or a cross compiler"),
        (EM_PPC64.0, "is a POWER program, and this machine is riscv64: build it with --target or a cross compiler"),
        (EM_S390.0, "is an s390x program, and this machine is riscv64: build it with --target or a cross compiler"),
    ];
    let known = CROSS.iter().find(|(number, _)| *number == machine).map(|(_, fault)| *fault);
    known.unwrap_or("is a program for another machine than riscv64")
}

/// The interpreter that an ELF program asks for.
fn interpreter(content: &[u8]) -> Option<String> {
    let endian = LittleEndian;
    let header = FileHeader64::<LittleEndian>::parse(content).ok()?;
    let segments = header.program_headers(endian, content).ok()?;
    let segment = segments.iter().find(|segment| segment.p_type(endian) == PT_INTERP)?;
    let path = segment.data(endian, content).unwrap_or_default();
    let path = path.split(|&byte| byte == 0).next().unwrap_or_default();
    Some(String::from_utf8_lossy(path).chars().filter(|c| !c.is_control()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF header without more.
    fn elf(class: u8, machine: u16) -> Vec<u8> {
        let mut header = b"\x7fELF\0\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        header[4] = class;
        header.extend([2, machine].map(u16::to_le_bytes).concat());
        header.resize(64, 0);
        header[54] = 56;
        header
    }

    fn look(word: &str, content: Option<&[u8]>) -> Result<Program, Refusal> {
        find(OsStr::new(word), Rootfs::Busybox, &|_| {
            content.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }

    #[test]
    fn a_riscv64_program_from_here_goes_along() {
        let program = elf(2, 243);
        for word in ["./a", "build/a", "/home/a"] {
            assert_eq!(look(word, Some(&program)), Ok(Program::Ours(program.clone())), "{word}");
        }
        assert_eq!(look("ls", Some(&program)), Ok(Program::Machines));
        assert_eq!(look("./a.sh", Some(b"#!/bin/sh\n")), Ok(Program::Ours(b"#!/bin/sh\n".to_vec())));
    }

    #[test]
    fn an_absolute_path_that_is_foreign_here_is_the_machines() {
        assert_eq!(look("/bin/ls", Some(&elf(2, 62))), Ok(Program::Machines));
        assert_eq!(look("/bin/ls", None), Ok(Program::Machines));
    }

    #[test]
    fn a_foreign_or_missing_program_is_refused_in_words() {
        for (content, status, word) in [
            (Some(elf(2, 62)), 126, "x86-64"),
            (Some(elf(1, 243)), 126, "32-bit"),
            (Some(elf(2, 183)), 126, "AArch64"),
            (Some(b"hello".to_vec()), 126, "no program"),
            (Some(elf(2, 243)[..30].to_vec()), 126, "cut off"),
            (Some(Vec::new()), 126, "empty"),
            (None, 127, "there is no ./a here"),
        ] {
            let refusal = look("./a", content.as_deref()).unwrap_err();
            assert_eq!(refusal.status, status);
            assert!(refusal.why.contains(word), "{}", refusal.why);
        }
    }

    #[test]
    fn what_a_dynamic_program_needs_is_named() {
        let mut program = elf(2, 243);
        program[32] = 64; // e_phoff
        program[56] = 1; // e_phnum
        let path = b"/lib/ld.so\0";
        let segment = [3, 0, 120, 0, 0, path.len() as u64, path.len() as u64, 1];
        program.extend(3u32.to_le_bytes());
        program.extend(4u32.to_le_bytes());
        program.extend(segment[2..].iter().flat_map(|field| field.to_le_bytes()));
        program.extend([0; 8]);
        program.truncate(120);
        program.extend(path);
        let refusal = look("./a", Some(&program)).unwrap_err();
        assert_eq!(refusal.status, 127);
        assert!(refusal.why.contains("needs /lib/ld.so with") && refusal.why.contains("-static"), "{}", refusal.why);
        let debian = find(OsStr::new("./a"), Rootfs::Debian, &|_| Ok(program.clone()));
        assert_eq!(debian, Ok(Program::Ours(program)));
    }
}
