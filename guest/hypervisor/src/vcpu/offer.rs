//! Which of the machine's extensions a guest is offered.
//!
//! Linux, Documentation/devicetree/bindings/riscv/extensions.yaml, has the names.

use crate::interrupts::controller::Aia;

/// What of the machine's extensions a guest is not told of: what works only with the hypervisor's help that it does not
/// give (yet), and what begins with these letters.
const WITHHELD: [&str; 8] = ["h", "v", "sm", "sh", "sscofpmf", "ssstateen", "sscsrind", "zv"];

/// Whether a guest with such interrupt controllers is offered the extension of that name.
pub fn offers(extension: &str, aia: Aia) -> bool {
    if extension == "ssaia" {
        return aia == Aia::AplicImsic;
    }
    let starts = |name: &&str| match name.len() {
        1 => extension == *name,
        _ => extension.starts_with(*name),
    };
    !WITHHELD.iter().any(starts)
        && !extension.starts_with("zve")
        && !extension.starts_with("zicfi")
        && !matches!(extension, "ssdbltrp" | "ssnpm" | "ssccfg" | "sdtrig" | "sdext" | "zihpm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_no_help_is_offered() {
        for name in
            ["i", "m", "a", "f", "d", "c", "zicsr", "zba", "sstc", "svadu", "svinval", "svpbmt", "zicboz", "zkr"]
        {
            assert!(offers(name, Aia::None), "{name}");
        }
    }

    #[test]
    fn what_the_hypervisor_does_not_keep_for_its_guests_is_not() {
        for name in ["h", "v", "smaia", "ssaia", "smstateen", "sha", "zve64d", "zvbb", "sscofpmf", "zicfilp", "zihpm"] {
            assert!(!offers(name, Aia::None), "{name}");
        }
    }

    #[test]
    fn who_has_an_imsic_is_told() {
        assert!(offers("ssaia", Aia::AplicImsic) && !offers("ssaia", Aia::Aplic) && !offers("smaia", Aia::AplicImsic));
    }
}
