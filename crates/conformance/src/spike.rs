//! Runs Spike, the reference simulator, and reads what it retires.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::commit::Commit;
use crate::elf::Image;

/// What keeps Spike from being asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no Spike.
    #[error(
        "no Spike to compare with: name the binary in VHART_SPIKE, for example \
         VHART_SPIKE=$(cargo xtask oracle), which gets it (it wants the package device-tree-compiler), or set VHART_NO_SPIKE=1 to go without this test"
    )]
    Missing,
    /// It does not start.
    #[error("cannot start Spike at {0}")]
    Start(PathBuf, #[source] std::io::Error),
    /// The program cannot be written for it.
    #[error("cannot write a program for Spike")]
    Program(#[source] std::io::Error),
}

/// Where Spike is: `$VHART_SPIKE`, else on the path.
pub fn locate() -> Result<PathBuf, Error> {
    if let Some(named) = std::env::var_os("VHART_SPIKE").filter(|name| !name.is_empty()) {
        return Ok(named.into());
    }
    let path: OsString = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|dir| dir.join("spike")).find(|file| file.is_file()).ok_or(Error::Missing)
}

/// Whether the user asked to go without Spike (VHART_NO_SPIKE=1).
pub fn is_declined() -> bool {
    std::env::var("VHART_NO_SPIKE").is_ok_and(|value| value == "1")
}

/// The ISA string of everything that vhart and this Spike both implement, in Spike's spelling.
///
/// Spike has Zicsr, Zifencei, Sscounterenw and Svvptc always, or has no name for them.
pub const ISA: &str = "rv64gcbh_zicsr_zifencei_zicntr_zihpm_zba_zbb_zbc_zbkb_zbkx_zbs_zicond_zfa_zfh_zcb_zawrs_zacas_zicbom_\
                       zicbop_zicboz_zihintpause_zihintntl_zimop_zcmop_zicclsm_svnapot_svpbmt_svinval_svade_svadu_sstc_\
                       sscofpmf_smstateen_smepmp";

/// The same with AIA, of which Spike has the registers of harts without an IMSIC, and priority numbers that are
/// read-only zeros.
///
/// Without state enables: Spike's lack AIA's bit, so that its S-mode may never access what AIA adds.
pub const AIA: &str = "rv64gcbh_zicsr_zifencei_zicntr_zihpm_zba_zbb_zbc_zbkb_zbkx_zbs_zicond_zfa_zfh_zcb_zawrs_zacas_zicbom_\
                       zicbop_zicboz_zihintpause_zihintntl_zimop_zcmop_zicclsm_svnapot_svpbmt_svinval_svade_svadu_sstc_\
                       sscofpmf_smepmp_smaia_smcsrind";

/// Memory of the machine in Spike: 16 MiB at the usual place.
const MEMORY: &str = "-m0x80000000:0x1000000";

/// A Spike that runs a program, as a stream of retired instructions. Dropping it ends the process.
pub struct Spike {
    child: Child,
    log: BufReader<ChildStdout>,
    line: Vec<u8>,
    _program: tempfile::NamedTempFile,
}

impl Spike {
    /// Starts `image` on a Spike with `isa`.
    ///
    /// # Errors
    /// When there is no Spike, or it does not start.
    pub fn start(image: &Image, isa: &str) -> Result<Self, Error> {
        let mut program =
            tempfile::Builder::new().prefix("vhart-").suffix(".elf").tempfile().map_err(Error::Program)?;
        program.write_all(&image.to_elf()).map_err(Error::Program)?;
        let binary = locate()?;
        let mut child = Command::new(&binary)
            .arg(format!("--isa={isa}"))
            .args([MEMORY, "--triggers=0", "--log-commits", "--log=/dev/stdout"])
            .arg(program.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Error::Start(binary, error))?;
        let log = BufReader::with_capacity(1 << 20, child.stdout.take().expect("stdout is a pipe"));
        Ok(Spike { child, log, line: Vec::with_capacity(256), _program: program })
    }

    /// Reads the next retired instruction into `commit`; false at the end of the log.
    pub fn next_into(&mut self, commit: &mut Commit) -> bool {
        loop {
            self.line.clear();
            if self.log.read_until(b'\n', &mut self.line).unwrap_or(0) == 0 {
                return false;
            }
            if commit.parse(&self.line) {
                return true;
            }
        }
    }

    /// What Spike complained of, after the log's end.
    pub fn complaints(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            let _ = self.child.kill();
            let _ = stderr.read_to_string(&mut text);
        }
        text
    }
}

impl Drop for Spike {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
