//! The phases of `vhart linux`, and how each shows on the console.
//!
//! The init scripts of host and guest print a marker as each phase arrives; whoever reads the console finds them with a
//! [`Watch`]. The markers stand here and nowhere else: the scripts are templates that get them from [`Phase::marker`].
//! Behind a marker stands the answer to the run's [`Nonce`], which host and guest each find on the command line of the
//! kernel that they run on. Two phases have no marker, because no program is left, or yet there, to print one: the
//! firmware's (where it is built in) and the host's power-off. The machine itself reports those, by [`Watch::reach`].

use crate::hash::hex_sha256;

/// A milestone of the run from power on to power off, in order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The firmware has control.
    Firmware,
    /// The host kernel has printed its version.
    HostKernel,
    /// The host's init runs.
    HostInit,
    /// The KVM module is loaded and `/dev/kvm` is there.
    KvmLoaded,
    /// The host shows its login, where it has one.
    HostLogin,
    /// The guest kernel has printed its command line.
    GuestKernel,
    /// The guest's init runs.
    GuestInit,
    /// The guest shows its login, where it has one.
    GuestLogin,
    /// The guest has read its disk, found the sum right, and read back what it wrote.
    GuestDisk,
    /// The guest has a lease and has fetched a page from a server on the host.
    GuestNetwork,
    /// The guest has powered off and its VMM has ended in order.
    GuestOff,
    /// The KVM module is gone from the host's kernel.
    KvmUnloaded,
    /// The host has powered off.
    HostOff,
    /// Below vhart's own hypervisor alone: another guest has answered, and another has asked.
    GuestLink,
}

impl Phase {
    /// All phases in order of arrival, behind them the one that is of another kind of run.
    pub const ALL: [Phase; 14] = [
        Phase::Firmware,
        Phase::HostKernel,
        Phase::HostInit,
        Phase::KvmLoaded,
        Phase::HostLogin,
        Phase::GuestKernel,
        Phase::GuestInit,
        Phase::GuestLogin,
        Phase::GuestDisk,
        Phase::GuestNetwork,
        Phase::GuestOff,
        Phase::KvmUnloaded,
        Phase::HostOff,
        Phase::GuestLink,
    ];

    /// Whether it is a login: a host and guest that are an initramfs alone have none.
    pub fn is_login(self) -> bool {
        matches!(self, Phase::HostLogin | Phase::GuestLogin)
    }

    /// The name a user reads in the table and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Firmware => "firmware",
            Phase::HostKernel => "host kernel",
            Phase::HostInit => "host init",
            Phase::KvmLoaded => "KVM loaded",
            Phase::HostLogin => "host login",
            Phase::GuestKernel => "guest kernel",
            Phase::GuestInit => "guest init",
            Phase::GuestLogin => "guest login",
            Phase::GuestDisk => "guest disk answered",
            Phase::GuestNetwork => "guest network answered",
            Phase::GuestOff => "guest off",
            Phase::KvmUnloaded => "KVM unloaded",
            Phase::HostOff => "host off",
            Phase::GuestLink => "guest link answered",
        }
    }

    /// The text on the console, after the phase before, with which this phase arrives.
    pub fn marker(self) -> Option<&'static str> {
        match self {
            Phase::Firmware => Some("OpenSBI v"),
            Phase::HostKernel => Some("Linux version "),
            Phase::GuestKernel => Some("Kernel command line: "),
            Phase::HostInit => Some("vhart host: init runs"),
            Phase::KvmLoaded => Some("vhart host: KVM is loaded"),
            Phase::HostLogin => Some("vhart host: log in below"),
            Phase::GuestInit => Some("vhart guest: init runs"),
            Phase::GuestLogin => Some("vhart guest: log in below"),
            Phase::GuestDisk => Some("vhart guest: the disk answers"),
            Phase::GuestNetwork => Some("vhart guest: the network answers"),
            Phase::GuestOff => Some("vhart host: the guest is off"),
            Phase::KvmUnloaded => Some("vhart host: KVM is unloaded"),
            Phase::HostOff => None,
            Phase::GuestLink => Some("vhart guest: the link answers"),
        }
    }

    /// The shell variable by which the init scripts know this phase's marker, for those that a script prints.
    pub(crate) fn script_variable(self) -> Option<&'static str> {
        match self {
            Phase::HostInit => Some("HOST_INIT"),
            Phase::KvmLoaded => Some("KVM_LOADED"),
            Phase::HostLogin => Some("HOST_LOGIN"),
            Phase::GuestInit => Some("GUEST_INIT"),
            Phase::GuestLogin => Some("GUEST_LOGIN"),
            Phase::GuestDisk => Some("GUEST_DISK"),
            Phase::GuestNetwork => Some("GUEST_NETWORK"),
            Phase::GuestOff => Some("GUEST_OFF"),
            Phase::KvmUnloaded => Some("KVM_UNLOADED"),
            Phase::GuestLink => Some("GUEST_LINK"),
            Phase::Firmware | Phase::HostKernel | Phase::GuestKernel | Phase::HostOff => None,
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A number that is another in each run. What answers it comes from this run, and from the machine that got it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonce(pub u64);

/// Digits of an answer.
const ANSWER_DIGITS: usize = 16;

impl Nonce {
    /// What an init script prints behind `marker`; `say` in `init/common.sh` does the same.
    pub fn answer(self, marker: &str) -> String {
        let mut digits = hex_sha256(&[format!("{self} {marker}").as_bytes()]);
        digits.truncate(ANSWER_DIGITS);
        digits
    }

    /// The word on the guest kernel's command line that says whose guest it is; `init/run-guest.sh` gives it.
    fn guest_word(self) -> String {
        format!("vhart.guest={self}")
    }
}

impl std::fmt::Display for Nonce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Whether host and guest show a login as they are up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Logins {
    /// They are an initramfs.
    #[default]
    None,
    /// They are systems.
    Shown,
}

/// What an init script prints before it gives up in an unattended run; the rest of the line says why.
pub const FAILED: &str = "vhart failed: ";

/// Longest part of a line that is kept: markers are short, and a guest may print without ever ending a line.
const LINE_KEPT: usize = 4096;

/// What Linux prints before it gives up.
const PANIC: &str = "Kernel panic - not syncing: ";

/// Finds the phases in a console's output.
///
/// Phases arrive in order, each by its own evidence. One that shows before another that must come first is a failure,
/// and has not arrived. Only the firmware may be silent where it is the user's own: a kernel that runs had one.
#[derive(Debug)]
pub struct Watch {
    /// The end of what a line shows when the phase arrives; none for the phases that the machine reports.
    evidence: [Option<String>; Phase::ALL.len()],
    /// The phases of this run.
    phases: Vec<Phase>,
    arrived: usize,
    line: Vec<u8>,
    failure: Option<String>,
}

impl Watch {
    /// A watch over a run with this nonce that awaits the first phase.
    pub fn new(nonce: Nonce, logins: Logins) -> Watch {
        let wanted = |phase: &Phase| *phase != Phase::GuestLink && (logins == Logins::Shown || !phase.is_login());
        let phases = Phase::ALL.into_iter().filter(wanted).collect();
        let evidence = Phase::ALL.map(|phase| match (phase, phase.marker()?) {
            (Phase::Firmware | Phase::HostKernel, marker) => Some(marker.to_owned()),
            (Phase::GuestKernel, _) => Some(nonce.guest_word()),
            (_, marker) => Some(format!("{marker} {}", nonce.answer(marker))),
        });
        Watch { evidence, phases, arrived: 0, line: Vec::new(), failure: None }
    }

    /// Takes the next bytes of the console; returns the phases that arrived with them, in order.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Phase> {
        let before = self.arrived;
        for &byte in bytes {
            self.take(byte);
        }
        self.phases[before..self.arrived].to_vec()
    }

    /// Says that `phase` has arrived by other evidence than the console; returns it if it was its turn.
    pub fn reach(&mut self, phase: Phase) -> Vec<Phase> {
        let before = self.arrived;
        self.arrive(phase);
        self.phases[before..self.arrived].to_vec()
    }

    /// The phase that must come next; none when all have arrived.
    pub fn awaited(&self) -> Option<Phase> {
        self.phases.get(self.arrived).copied()
    }

    /// Why an init script or a kernel gave up, or which phase came too early, whatever was first.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    fn take(&mut self, byte: u8) {
        if byte == b'\n' {
            self.note_failure();
            self.line.clear();
            return;
        }
        if self.line.len() == LINE_KEPT {
            self.line.clear();
        }
        self.line.push(byte);
        if let Some(phase) = self.shown() {
            self.arrive(phase);
            self.line.clear();
        }
    }

    /// The phase to come whose evidence ends the line as it stands.
    fn shown(&self) -> Option<Phase> {
        self.phases[self.arrived..].iter().copied().find(|&phase| self.shows(phase))
    }

    fn shows(&self, phase: Phase) -> bool {
        let ends = self.evidence[phase as usize].as_ref().is_some_and(|end| self.line.ends_with(end.as_bytes()));
        // the word alone could be anybody's
        ends && (phase != Phase::GuestKernel || phase.marker().is_some_and(|marker| contains(&self.line, marker)))
    }

    /// Counts `phase`, if it comes in its turn.
    fn arrive(&mut self, phase: Phase) {
        match self.awaited() {
            Some(awaited) if awaited == phase => self.arrived += 1,
            Some(Phase::Firmware) if phase == Phase::HostKernel => self.arrived += 2,
            Some(awaited) if awaited < phase => {
                self.failure.get_or_insert(format!("'{phase}' came before '{awaited}'"));
            }
            _ => {}
        }
    }

    fn note_failure(&mut self) {
        let line = String::from_utf8_lossy(&self.line);
        let failed = line.split_once(FAILED).map(|(_, why)| why.trim_end().to_owned());
        let panicked = || line.split_once(PANIC).map(|(_, why)| format!("Linux panicked: {}", why.trim_end()));
        self.failure = self.failure.take().or(failed).or_else(panicked);
    }
}

fn contains(line: &[u8], text: &str) -> bool {
    line.windows(text.len()).any(|part| part == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_in_order_and_whole() {
        assert!(Phase::ALL.iter().enumerate().all(|(at, &phase)| phase as usize == at));
    }

    const NONCE: Nonce = Nonce(0x1234);

    /// What the console shows as `phase` arrives.
    fn shown(phase: Phase) -> String {
        let marker = phase.marker().unwrap_or_default();
        match phase {
            Phase::GuestKernel => format!("[    0.0] {marker}console=ttyS0 vhart.guest=0000000000001234 quiet\r\n"),
            _ => format!("{marker} {}\r\n", NONCE.answer(marker)),
        }
    }

    /// A watch that has seen all before `phase`.
    fn before(phase: Phase) -> Watch {
        let mut watch = Watch::new(NONCE, Logins::Shown);
        Phase::ALL[..phase as usize].iter().for_each(|&phase| _ = watch.feed(shown(phase).as_bytes()));
        assert_eq!((watch.awaited(), watch.failure()), (Some(phase), None));
        watch
    }

    #[test]
    fn marker_in_two_pieces_is_found() {
        let mut watch = Watch::new(NONCE, Logins::Shown);
        assert_eq!(watch.feed(b"[    0.0] Linux ver"), []);
        assert_eq!(watch.feed(b"sion 6.12"), [Phase::Firmware, Phase::HostKernel]);
    }

    #[test]
    fn every_phase_arrives_by_its_own_evidence_and_by_no_other() {
        for &phase in &Phase::ALL[Phase::HostInit as usize..Phase::HostOff as usize] {
            let marker = phase.marker().unwrap();
            for other in [format!("{marker}\n"), format!("{marker} {}\n", Nonce(1).answer(marker))] {
                assert_eq!(before(phase).feed(other.as_bytes()), [], "{phase}");
            }
            assert_eq!(before(phase).feed(shown(phase).as_bytes()), [phase]);
        }
    }

    #[test]
    fn the_hosts_own_command_line_is_no_guest() {
        let mut watch = before(Phase::GuestKernel);
        assert_eq!(watch.feed(b"Linux version 6.12\nKernel command line: vhart.check=0000000000001234\n"), []);
        assert_eq!(watch.feed(b"vhart run --append vhart.guest=0000000000001234\n"), []);
    }

    #[test]
    fn a_phase_that_comes_too_early_has_not_arrived() {
        // a VMM that does nothing ends in order, too
        let mut watch = before(Phase::GuestKernel);
        assert_eq!(watch.feed(shown(Phase::GuestOff).as_bytes()), []);
        assert_eq!(watch.feed(shown(Phase::KvmUnloaded).as_bytes()), []);
        assert_eq!(watch.reach(Phase::HostOff), []);
        assert_eq!(watch.awaited(), Some(Phase::GuestKernel));
        assert_eq!(watch.failure(), Some("'guest off' came before 'guest kernel'"));
    }

    #[test]
    fn reach_ends_the_run() {
        let mut watch = before(Phase::HostOff);
        assert_eq!(watch.reach(Phase::HostOff), [Phase::HostOff]);
        assert_eq!(watch.awaited(), None);
    }

    #[test]
    fn failure_is_kept_with_its_reason() {
        let mut watch = Watch::new(NONCE, Logins::Shown);
        watch.feed(b"vhart failed: no disk at /dev/vda\r\n[ 1.0] Kernel panic - not syncing: why\r\n");
        assert_eq!(watch.failure(), Some("no disk at /dev/vda"));
        let mut watch = Watch::new(NONCE, Logins::Shown);
        watch.feed(b"[    1.0] Kernel panic - not syncing: no init\r\n");
        assert_eq!(watch.failure(), Some("Linux panicked: no init"));
    }

    #[test]
    fn endless_line_is_bounded() {
        let mut watch = Watch::new(NONCE, Logins::Shown);
        watch.feed(&[b'x'; 3 * LINE_KEPT]);
        assert!(watch.line.len() <= LINE_KEPT);
    }
}
