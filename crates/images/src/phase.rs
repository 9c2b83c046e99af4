//! The phases of `vhart linux`, and how each shows on the console.
//!
//! The init scripts of host and guest print a marker as each phase arrives; whoever reads the console finds them with a
//! [`Watch`]. The markers stand here and nowhere else: the scripts are templates that get them from [`Phase::marker`].
//! Two phases have no marker, because no program is left, or yet there, to print one: the firmware's (where it is built
//! in) and the host's power-off. The machine itself reports those, by [`Watch::reach`].

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
    /// The guest kernel has printed its version.
    GuestKernel,
    /// The guest's init runs.
    GuestInit,
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
}

impl Phase {
    /// All phases in order of arrival.
    pub const ALL: [Phase; 11] = [
        Phase::Firmware,
        Phase::HostKernel,
        Phase::HostInit,
        Phase::KvmLoaded,
        Phase::GuestKernel,
        Phase::GuestInit,
        Phase::GuestDisk,
        Phase::GuestNetwork,
        Phase::GuestOff,
        Phase::KvmUnloaded,
        Phase::HostOff,
    ];

    /// The name a user reads in the table and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Firmware => "firmware",
            Phase::HostKernel => "host kernel",
            Phase::HostInit => "host init",
            Phase::KvmLoaded => "KVM loaded",
            Phase::GuestKernel => "guest kernel",
            Phase::GuestInit => "guest init",
            Phase::GuestDisk => "guest disk answered",
            Phase::GuestNetwork => "guest network answered",
            Phase::GuestOff => "guest off",
            Phase::KvmUnloaded => "KVM unloaded",
            Phase::HostOff => "host off",
        }
    }

    /// The text whose first appearance on the console, after the phase before, says that this phase has arrived.
    pub fn marker(self) -> Option<&'static str> {
        match self {
            Phase::Firmware => Some("OpenSBI v"),
            Phase::HostKernel | Phase::GuestKernel => Some("Linux version "),
            Phase::HostInit => Some("vhart host: init runs"),
            Phase::KvmLoaded => Some("vhart host: KVM is loaded"),
            Phase::GuestInit => Some("vhart guest: init runs"),
            Phase::GuestDisk => Some("vhart guest: the disk answers"),
            Phase::GuestNetwork => Some("vhart guest: the network answers"),
            Phase::GuestOff => Some("vhart host: the guest is off"),
            Phase::KvmUnloaded => Some("vhart host: KVM is unloaded"),
            Phase::HostOff => None,
        }
    }

    /// The shell variable by which the init scripts know this phase's marker, for those that a script prints.
    pub(crate) fn script_variable(self) -> Option<&'static str> {
        match self {
            Phase::HostInit => Some("HOST_INIT"),
            Phase::KvmLoaded => Some("KVM_LOADED"),
            Phase::GuestInit => Some("GUEST_INIT"),
            Phase::GuestDisk => Some("GUEST_DISK"),
            Phase::GuestNetwork => Some("GUEST_NETWORK"),
            Phase::GuestOff => Some("GUEST_OFF"),
            Phase::KvmUnloaded => Some("KVM_UNLOADED"),
            Phase::Firmware | Phase::HostKernel | Phase::GuestKernel | Phase::HostOff => None,
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What an init script prints before it gives up in an unattended run; the rest of the line says why.
pub const FAILED: &str = "vhart failed: ";

/// Longest part of a line that is kept: markers are short, and a guest may print without ever ending a line.
const LINE_KEPT: usize = 4096;

/// Finds the phases in a console's output.
///
/// Phases arrive in order. One whose marker was missed is taken as arrived when a later one shows: nothing prints "init
/// runs" on a kernel that has not booted. The kernels' markers, which host and guest share, are awaited only in their turn.
#[derive(Debug, Default)]
pub struct Watch {
    arrived: usize,
    line: Vec<u8>,
    failure: Option<String>,
}

impl Watch {
    /// A watch that awaits the first phase.
    pub fn new() -> Watch {
        Watch::default()
    }

    /// Takes the next bytes of the console; returns the phases that arrived with them, in order.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Phase> {
        let before = self.arrived;
        for &byte in bytes {
            self.take(byte);
        }
        Phase::ALL[before..self.arrived].to_vec()
    }

    /// Says that `phase` has arrived by other evidence; returns it and those before it that had not.
    pub fn reach(&mut self, phase: Phase) -> Vec<Phase> {
        let before = self.arrived;
        self.arrived = before.max(phase as usize + 1);
        Phase::ALL[before..self.arrived].to_vec()
    }

    /// The phase that must come next; none when all have arrived.
    pub fn awaited(&self) -> Option<Phase> {
        Phase::ALL.get(self.arrived).copied()
    }

    /// Why an init script gave up, if one did.
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
        if let Some(phase) = self.ended_by_marker() {
            self.arrived = phase as usize + 1;
            self.line.clear();
        }
    }

    /// The phase whose marker ends the line as it stands.
    fn ended_by_marker(&self) -> Option<Phase> {
        let shows = |phase: &&Phase| phase.marker().is_some_and(|marker| self.line.ends_with(marker.as_bytes()));
        Phase::ALL[self.arrived..].iter().find(shows).copied().filter(|&phase| self.in_turn(phase))
    }

    /// Whether `phase` may arrive now. "Linux version" is the guest's only once KVM is loaded.
    fn in_turn(&self, phase: Phase) -> bool {
        phase != Phase::GuestKernel || self.awaited() == Some(Phase::GuestKernel)
    }

    fn note_failure(&mut self) {
        let line = String::from_utf8_lossy(&self.line);
        if let Some((_, why)) = line.split_once(FAILED) {
            self.failure.get_or_insert(why.trim_end().to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_in_order_and_whole() {
        assert!(Phase::ALL.iter().enumerate().all(|(at, &phase)| phase as usize == at));
    }

    #[test]
    fn marker_in_two_pieces_is_found() {
        let mut watch = Watch::new();
        assert_eq!(watch.feed(b"[    0.0] Linux ver"), []);
        assert_eq!(watch.feed(b"sion 6.12"), [Phase::Firmware, Phase::HostKernel]);
    }

    #[test]
    fn second_linux_version_is_the_guests_only_after_kvm() {
        let mut watch = Watch::new();
        watch.feed(b"Linux version 6.12\nLinux version 6.12\n");
        assert_eq!(watch.awaited(), Some(Phase::HostInit));
        watch.feed(b"vhart host: KVM is loaded\r\n");
        assert_eq!(watch.feed(b"Linux version 6.12\n"), [Phase::GuestKernel]);
    }

    #[test]
    fn later_marker_brings_the_missed_ones() {
        let mut watch = Watch::new();
        assert_eq!(watch.feed(b"vhart host: init runs\n"), [Phase::Firmware, Phase::HostKernel, Phase::HostInit]);
    }

    #[test]
    fn reach_ends_the_run() {
        let mut watch = Watch::new();
        watch.feed(b"vhart host: KVM is unloaded\n");
        assert_eq!(watch.reach(Phase::HostOff), [Phase::HostOff]);
        assert_eq!(watch.awaited(), None);
    }

    #[test]
    fn failure_is_kept_with_its_reason() {
        let mut watch = Watch::new();
        watch.feed(b"vhart failed: no disk at /dev/vda\r\n");
        assert_eq!(watch.failure(), Some("no disk at /dev/vda"));
    }

    #[test]
    fn endless_line_is_bounded() {
        let mut watch = Watch::new();
        watch.feed(&[b'x'; 3 * LINE_KEPT]);
        assert!(watch.line.len() <= LINE_KEPT);
    }
}
