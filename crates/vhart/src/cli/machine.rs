//! Options of every machine: harts, memory, instruction set, limits.

use std::path::PathBuf;
use std::time::Duration;

use arch::isa::Isa;
use clap::{Args, ValueEnum};

use super::traced::Traced;
use super::{AiaOptions, ExplainOptions, IsaOption, KvmOptions, MACHINE, ProfileOptions, host_isa, value};

/// Memory where the user says nothing, in both spellings.
const MEMORY: &str = "512M";
#[cfg(feature = "machine")]
pub const MEMORY_BYTES: u64 = 512 << 20;
const LIMITS: &str = "Limits and reports";

/// What executes the harts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// The translator: makes code of the host from the guest's; on x86-64 computers
    #[value(alias = "tcg")]
    Jit,
    /// The interpreter: the reference, on any computer
    Interp,
    /// /dev/kvm of a RISC-V Linux host
    Kvm,
}

/// What `htinst` and `mtinst` tell of an access that trapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Htinst {
    /// The instruction, transformed
    Transformed,
    /// Nothing: hypervisors have to read the instruction
    Zero,
}

impl From<Htinst> for board::TrapInstruction {
    fn from(htinst: Htinst) -> Self {
        match htinst {
            Htinst::Transformed => board::TrapInstruction::Transformed,
            Htinst::Zero => board::TrapInstruction::Zero,
        }
    }
}

/// The machine itself.
#[derive(Args, Clone, Debug)]
pub struct MachineOptions {
    /// Number of harts, 1 to 64
    #[arg(long, visible_alias = "smp", value_name = "N", default_value_t = 1, help_heading = MACHINE)]
    #[arg(value_parser = value::harts, allow_negative_numbers = true)]
    pub harts: u32,

    /// Memory, for example 512M or 2G; a number alone is in MiB
    #[arg(short, long, value_name = "SIZE", default_value = MEMORY, value_parser = value::size, help_heading = MACHINE)]
    pub memory: u64,

    /// Instruction set: rv64gch_zicntr_..., or a profile: rva22s64, rva23s64 [default: all there is]
    ///
    /// More extensions may follow a profile's name after underscores: rva23s64_sv57. QEMU's spelling is understood too:
    /// rv64,h=true,sstc=off, where rv64 has what QEMU's has, or max. A name that does not exist is answered with the
    /// list of those that do. With engine kvm, host,NAME=on|off,... is what the host gives with some switched; vhart
    /// kvm-info lists them.
    #[arg(long, visible_alias = "cpu", value_name = "ISA", value_parser = host_isa::parse, help_heading = MACHINE)]
    pub isa: Option<IsaOption>,

    /// What htinst and mtinst tell of a load, store or AMO that trapped [default: transformed]
    ///
    /// With zero a hypervisor has to read the instruction itself (HLVX), as on harts that tell nothing. The
    /// pseudoinstructions of guest-page faults in a guest's own page tables are there in any case: the manual requires
    /// them.
    #[arg(long, value_enum, value_name = "WHAT", help_heading = MACHINE)]
    pub htinst: Option<Htinst>,

    /// Bits of a VMID that harts have; with 0 there is one VMID, and hypervisors forget translations between guests
    /// [default: 14]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(..=i64::from(board::MOST_VMID_BITS)))]
    #[arg(help_heading = MACHINE)]
    pub vmid_bits: Option<u8>,

    #[command(flatten)]
    pub aia: AiaOptions,

    /// What executes the harts [default: jit where this computer has what it needs, else interp]
    #[arg(long, visible_alias = "accel", value_enum, help_heading = MACHINE)]
    pub engine: Option<Engine>,

    /// How engine kvm uses its host: `sbi-NAME=on|off` switches an SBI extension; ioeventfd, irqfd, kernel-irqchip,
    /// riscv-aia
    ///
    /// Several with commas. ioeventfd=off has the guest's notices to devices come as exits. With --aia aplic-imsic,
    /// kernel-irqchip=split leaves the APLIC to vhart (irqfd=on has it send messages by eventfds), and
    /// riscv-aia=hwaccel|emul says who is a hart's interrupt file: the processor or the kernel. docs/kvm.md explains
    /// them.
    #[arg(long, value_name = "PROPERTIES", value_parser = super::kvm::parse, help_heading = MACHINE)]
    pub kvm: Option<KvmOptions>,

    /// Generated code that each hart of engine jit keeps at most, 1M to 1G [default: 112M]
    ///
    /// When it is full, all of it is made anew as it is needed.
    #[arg(long, value_name = "SIZE", value_parser = code_cache, help_heading = MACHINE)]
    pub code_cache: Option<u64>,

    /// Do the same in every run: time follows the instructions, harts take turns, chance comes from the seed [default:
    /// 0]
    ///
    /// At the end digests of the machine's state (harts, devices, memory) and of its console are printed on standard
    /// error: with the same files and options they are the same, on either engine. What is typed comes when it comes
    /// and is not part of it, nor what is on disks.
    #[arg(long, value_name = "SEED", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    #[arg(value_parser = value::seed, help_heading = MACHINE)]
    pub deterministic: Option<u64>,

    /// Let debuggers come: GDB's `target remote`, at port 1234 or `[ADDRESS:]PORT`
    ///
    /// Only this computer reaches it; 0.0.0.0:1234,anyone=on lets everybody in who reaches this computer, to read and
    /// change the machine. docs/gdb.md has what a debugger can do here.
    #[cfg(feature = "watch")]
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    #[arg(value_parser = super::gdb::parse, help_heading = LIMITS)]
    pub gdb: Option<super::gdb::Gdb>,

    /// Wait for a debugger before the first instruction; needs --gdb
    #[cfg(feature = "watch")]
    #[arg(long, short = 'S', help_heading = LIMITS)]
    pub paused: bool,

    /// Give up this long after the command began, for example 90s or 5m, whatever it waits for; exit status 124
    #[arg(long, value_name = "TIME", value_parser = value::duration, help_heading = LIMITS)]
    pub timeout: Option<Duration>,

    /// Give up after this many instructions and traps of one hart; exit status 124
    ///
    /// Units are thousands: 10M is ten million.
    #[arg(long, value_name = "N", value_parser = value::count, allow_negative_numbers = true, help_heading = LIMITS)]
    pub max_instructions: Option<u64>,

    /// Print at the end, on standard error, what was executed, how fast, and what the engine did for it
    ///
    /// Traps, address translation (misses, walks, fences), generated code and calls of the interpreter, for each hart
    /// and in sum; docs/statistics.md explains the names.
    #[arg(long = "engine-stats", alias = "stats", help_heading = LIMITS)]
    pub stats: bool,

    /// Print at the end, on standard error, who executed how much, and what the virtual machines were left for; or
    /// write it to a file as JSON
    ///
    /// Instructions and time of each world (M, HS, U, VS, VU) and guest, exits by reason with what they cost,
    /// interrupts, SBI calls, devices; docs/stat.md explains it. '-' is standard output. On the console, Ctrl-A S shows
    /// it meanwhile.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, help_heading = LIMITS)]
    pub stat: Option<Option<PathBuf>>,

    /// Write a trace of what firmware, host and guest do to each other: `FILE[,FILTER...]`
    ///
    /// Traps, returns, SBI calls, interrupts, timers, fences, device accesses; with event=all page walks and CSR writes
    /// too. Filters are event=, world=, vmid=, hart=, pc=A-B, time=A-B, each several by +. 'vhart trace FILE' prints
    /// it; docs/trace.md has the rest.
    #[arg(long, value_name = "FILE", value_parser = Traced::read, help_heading = LIMITS)]
    pub trace: Option<Traced>,

    /// Write the machine's device tree to a file, or '-' for standard output, and do not run it
    #[arg(long, value_name = "FILE", help_heading = LIMITS)]
    pub dump_dtb: Option<PathBuf>,

    #[command(flatten)]
    pub profile: ProfileOptions,

    #[command(flatten)]
    pub explain: ExplainOptions,
}

impl MachineOptions {
    /// What harts of vhart's own can do, as far as the user says it.
    pub fn own_isa(&self) -> Isa {
        self.isa.as_ref().and_then(IsaOption::own).unwrap_or_default()
    }

    /// Refuses what does not make sense together.
    pub fn check(&self) -> Result<(), String> {
        self.aia.check(self.own_isa())?;
        if self.deterministic.is_some() && self.engine == Some(Engine::Kvm) {
            return Err("engine kvm runs with the host's clock: --deterministic needs jit or interp".into());
        }
        self.check_host()?;
        self.check_seen()?;
        if self.stat.is_some() && cfg!(not(feature = "watch")) {
            return Err("this build counts nothing: it is without the feature 'watch'".into());
        }
        self.explain.check(self.harts)?;
        self.check_debugger()
    }

    /// Refuses guests whose interrupt controllers the machine cannot give them.
    #[cfg(feature = "linux")]
    pub fn check_guests_aia(&self, guests: super::AiaKind) -> Result<(), String> {
        self.aia.check_guests(self.own_isa(), guests)
    }

    /// Whether the host's KVM executes the harts.
    pub fn is_host_s(&self) -> bool {
        self.engine.map_or(cfg!(not(feature = "machine")), |engine| engine == Engine::Kvm)
    }

    /// Refuses what looks at each instruction where a host executes them.
    fn check_seen(&self) -> Result<(), String> {
        let wanted = [("--max-instructions", self.max_instructions.is_some()), ("--profile", self.profile.is_wanted())];
        match wanted.iter().find(|(_, wanted)| *wanted && self.is_host_s()) {
            Some((option, _)) => {
                Err(format!("engine kvm does not see what its host executes: {option} needs jit or interp"))
            }
            None => Ok(()),
        }
    }

    /// Refuses what is about the host of engine kvm where there is none.
    fn check_host(&self) -> Result<(), String> {
        match &self.isa {
            Some(IsaOption::Host(switches)) if !self.is_host_s() && !switches.is_empty() => {
                Err("--isa host,... switches what the host of engine kvm gives: choose --engine kvm, or --isa max,..."
                    .into())
            }
            _ if self.htinst.is_some() && self.is_host_s() => {
                Err("a guest of engine kvm has no htinst: choose --engine jit or interp, or leave --htinst out".into())
            }
            _ if self.vmid_bits.is_some() && self.is_host_s() => {
                Err("a guest of engine kvm has no VMIDs: choose --engine jit or interp, or leave --vmid-bits out"
                    .into())
            }
            _ if self.kvm.is_some() && !self.is_host_s() => {
                Err("--kvm is about the host of engine kvm: choose --engine kvm".into())
            }
            _ => Ok(()),
        }
    }

    #[cfg(feature = "watch")]
    fn check_debugger(&self) -> Result<(), String> {
        if self.paused && self.gdb.is_none() {
            return Err("nobody could let the machine go on: --paused needs --gdb, QEMU's -S its -s or -gdb".into());
        }
        Ok(())
    }

    #[cfg(not(feature = "watch"))]
    fn check_debugger(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Reads the size of a code cache.
fn code_cache(text: &str) -> Result<u64, String> {
    match value::bytes(text)? {
        bytes @ 0x10_0000..=0x4000_0000 => Ok(bytes),
        _ => Err("a code cache has 1M to 1G".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "machine")]
    #[test]
    fn memory_is_the_same_in_both_spellings() {
        assert_eq!(value::size(MEMORY), Ok(MEMORY_BYTES));
    }

    #[test]
    fn a_code_cache_has_a_range() {
        assert_eq!(code_cache("1M"), Ok(1 << 20));
        assert_eq!(code_cache("1G"), Ok(1 << 30));
        for text in ["512K", "1025M", "0", "much"] {
            assert!(code_cache(text).is_err(), "{text}");
        }
    }
}
