//! `--kvm`: how engine kvm uses its host.

use super::properties::{Properties, switch};

/// Who has the interrupt controllers of --aia aplic-imsic: QEMU's `kernel-irqchip=`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Irqchip {
    /// The host's kernel.
    #[default]
    On,
    /// vhart, which a kernel does not let.
    Off,
    /// The kernel has the harts' IMSICs, vhart the APLIC.
    Split,
}

/// What the user said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KvmOptions {
    /// SBI extensions that are switched on or off.
    pub sbi: Vec<kvm::Switch>,
    /// Whether the kernel passes on writes that only notify devices.
    pub ioeventfd: Option<bool>,
    /// Whether the messages of vhart's APLIC go by eventfds.
    pub irqfd: Option<bool>,
    /// Who has the interrupt controllers.
    pub irqchip: Irqchip,
    /// Who is a hart's interrupt file: QEMU's `riscv-aia=`.
    pub aia: kvm::AiaMode,
}

/// Reads `sbi-sta=off,ioeventfd=off`.
pub fn parse(text: &str) -> Result<KvmOptions, String> {
    let mut all = Properties::read("--kvm", text, None);
    let ioeventfd = all.take_switch("ioeventfd")?;
    let irqfd = all.take_switch("irqfd")?;
    let irqchip = match all.take("kernel-irqchip").as_deref() {
        None | Some("on") => Irqchip::On,
        Some("off") => Irqchip::Off,
        Some("split") => Irqchip::Split,
        Some(other) => return Err(all.wrong("kernel-irqchip", "on, off or split", other)),
    };
    let aia = match all.take("riscv-aia").as_deref() {
        None | Some("auto") => kvm::AiaMode::Auto,
        Some("hwaccel") => kvm::AiaMode::Hwaccel,
        Some("emul") => kvm::AiaMode::Emul,
        Some(other) => return Err(all.wrong("riscv-aia", "auto, hwaccel or emul", other)),
    };
    let mut options = KvmOptions { sbi: Vec::new(), ioeventfd, irqfd, irqchip, aia };
    for (key, value) in all.rest() {
        match (key.strip_prefix("sbi-"), switch(&value)) {
            (Some(name), Some(on)) => options.sbi.push((name.to_owned(), on)),
            (Some(_), None) => return Err(format!("--kvm: {key} is on or off, not '{value}'")),
            (None, _) => {
                return Err(format!(
                    "--kvm: there is no '{key}={value}' here; there are sbi-NAME, ioeventfd, irqfd, kernel-irqchip and riscv-aia"
                ));
            }
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_read() {
        let options = parse("sbi-susp=on,ioeventfd=off,sbi-sta=no").unwrap();
        assert_eq!(options.sbi, [("susp".to_owned(), true), ("sta".to_owned(), false)]);
        assert_eq!(options.ioeventfd, Some(false));
        let options = parse("kernel-irqchip=split,riscv-aia=emul,irqfd=on").unwrap();
        assert_eq!(options.irqfd, Some(true));
        assert_eq!((options.irqchip, options.aia), (Irqchip::Split, kvm::AiaMode::Emul));
    }

    #[test]
    fn what_is_not_there_is_refused_by_name() {
        for (text, expected) in [
            ("wings=on", "'wings=on'"),
            ("sbi-sta=perhaps", "sbi-sta"),
            ("ioeventfd=2", "ioeventfd"),
            ("riscv-aia=2", "auto, hwaccel or emul"),
        ] {
            let why = parse(text).unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
    }
}
