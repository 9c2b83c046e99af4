//! Points as they are said to `monitor`.

use arch::{Exception, Mode, csr};
use vcpu::debug::{Break, Event, Only, Space, Touch, Watch};

/// A mode by its name.
pub fn mode(text: &str) -> Result<Mode, String> {
    match text.to_ascii_uppercase().as_str() {
        "M" => Ok(Mode::M),
        "HS" | "S" => Ok(Mode::HS),
        "U" => Ok(Mode::U),
        "VS" => Ok(Mode::VS),
        "VU" => Ok(Mode::VU),
        _ => Err(format!("'{text}' is no mode: M, HS, U, VS or VU")),
    }
}

/// A number, in hexadecimal digits behind 0x.
pub fn number(text: &str) -> Result<u64, String> {
    let read = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    read.map_err(|_| format!("'{text}' is no number: 4096 or 0x1000"))
}

/// The address of a CSR by its name.
pub fn csr_address(text: &str) -> Result<u16, String> {
    csr::by_name(text).ok_or_else(|| format!("'{text}' is no CSR: 'monitor csr' lists them"))
}

/// A breakpoint: an address, and what it is limited to.
pub fn breakpoint(words: &[&str]) -> Result<Break, String> {
    let (space, address, rest) = place(words)?;
    if address & 1 != 0 {
        return Err(format!("no instruction is at {address:#x}: it is odd"));
    }
    Ok(Break { space, address, only: only(rest)? })
}

/// A watchpoint: what is watched for, an address, and perhaps the number of bytes and what it is limited to.
pub fn watchpoint(words: &[&str]) -> Result<Watch, String> {
    let (touch, words) = match words {
        ["read", rest @ ..] => (Touch::Read, rest),
        ["access", rest @ ..] => (Touch::Any, rest),
        ["write", rest @ ..] | rest => (Touch::Write, rest),
    };
    let (space, address, rest) = place(words)?;
    let (len, rest) = match rest {
        ["len", len, rest @ ..] => (number(len)?, rest),
        rest => (8, rest),
    };
    if !(1..=arch::addr::PAGE_BYTES).contains(&len) {
        return Err("a watchpoint has 1 to 4096 bytes".into());
    }
    Ok(Watch { space, address, len, touch, only: only(rest)? })
}

fn place<'w, 't>(words: &'w [&'t str]) -> Result<(Space, u64, &'w [&'t str]), String> {
    match words {
        ["phys", address, rest @ ..] => Ok((Space::Physical, number(address)?, rest)),
        ["gphys", address, rest @ ..] => Ok((Space::GuestPhysical, number(address)?, rest)),
        [address, rest @ ..] => Ok((Space::Virtual, number(address)?, rest)),
        [] => Err("name an address, or 'phys' or 'gphys' and one".into()),
    }
}

fn only(words: &[&str]) -> Result<Only, String> {
    let id = |text| number(text).and_then(|id| u16::try_from(id).map_err(|_| format!("{text} is more than 16 bits")));
    let mut limits = Only::default();
    let (pairs, rest) = words.as_chunks::<2>();
    if let [odd] = rest {
        return Err(format!("'{odd}' needs a value"));
    }
    for [name, value] in pairs {
        match *name {
            "mode" => limits.mode = Some(mode(value)?),
            "asid" => limits.asid = Some(id(value)?),
            "vmid" => limits.vmid = Some(id(value)?),
            _ => return Err(format!("'{name}' limits nothing: mode, asid or vmid")),
        }
    }
    Ok(limits)
}

/// An event.
pub fn event(words: &[&str]) -> Result<Event, String> {
    match words {
        ["vswitch"] => Ok(Event::VirtSwitch),
        ["trap"] => Ok(Event::Trap(None)),
        ["trap", cause] => Ok(Event::Trap(Some(trap_cause(cause)?))),
        ["csr", name] => Ok(Event::CsrWrite(csr_address(name)?)),
        _ => Err("say vswitch, trap, trap CAUSE or csr NAME".into()),
    }
}

/// A cause: an exception's code or name, or `irq` and an interrupt's code.
fn trap_cause(text: &str) -> Result<u64, String> {
    if let Some(code) = text.strip_prefix("irq") {
        return number(code).map(|code| csr::CAUSE_INTERRUPT | code);
    }
    let named = (0..64).find(|code| {
        Exception::from_code(*code).is_some_and(|exception| format!("{exception:?}").eq_ignore_ascii_case(text))
    });
    let unknown = |_| format!("'{text}' is no cause: a code as in scause, a name such as LoadPageFault, or irqN");
    named.map_or_else(|| number(text).map_err(unknown), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        text.split_whitespace().collect()
    }

    #[test]
    fn a_breakpoint_has_limits() {
        let only = Only { mode: Some(Mode::VS), asid: None, vmid: Some(3) };
        let wanted = Break { space: Space::GuestPhysical, address: 0x8020_0000, only };
        assert_eq!(breakpoint(&words("gphys 0x80200000 mode vs vmid 3")), Ok(wanted));
        for wrong in ["", "1", "0x", "phys", "4096 vmid", "4096 vmid 65536", "4096 mode X", "4096 hart 1"] {
            assert!(breakpoint(&words(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_watchpoint_has_a_size() {
        let wanted = Watch { space: Space::Virtual, address: 16, len: 4, touch: Touch::Any, only: Only::default() };
        assert_eq!(watchpoint(&words("access 0x10 len 4")), Ok(wanted));
        assert_eq!(watchpoint(&words("phys 16")).map(|watch| (watch.touch, watch.len)), Ok((Touch::Write, 8)));
        assert!(watchpoint(&words("16 len 0")).is_err());
    }

    #[test]
    fn a_cause_is_a_number_or_a_name() {
        assert_eq!(event(&words("trap LoadGuestPageFault")), Ok(Event::Trap(Some(21))));
        assert_eq!(event(&words("trap 0x15")), Ok(Event::Trap(Some(21))));
        assert_eq!(event(&words("trap irq5")), Ok(Event::Trap(Some(1 << 63 | 5))));
        assert_eq!(event(&words("csr hgatp")), Ok(Event::CsrWrite(csr::HGATP)));
        assert!(event(&words("csr nothing")).is_err() && event(&words("trap Load")).is_err());
    }
}
