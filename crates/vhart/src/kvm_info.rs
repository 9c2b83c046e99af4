//! `vhart kvm-info`: what this host's `/dev/kvm` offers to guests.

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::Result;
use kvm::{Info, Offer};

use crate::errors;

/// Prints it.
///
/// # Errors
/// There is no KVM here, or it cannot be used.
pub fn print(json: bool) -> Result<ExitCode> {
    let info = kvm::info()?;
    errors::print(if json { as_json(&info) } else { as_text(&info) })?;
    Ok(ExitCode::SUCCESS)
}

/// The words for what can be switched.
const OFFERS: [(Offer, &str); 3] =
    [(Offer::Always, "always"), (Offer::On, "on, can be off"), (Offer::Off, "off, can be on")];

fn as_text(info: &Info) -> String {
    let mut text = String::new();
    for (what, extensions) in [("ISA", &info.isa), ("SBI", &info.sbi)] {
        for (offer, words) in OFFERS {
            let names: Vec<&str> =
                extensions.iter().filter(|(_, other)| *other == offer).map(|(name, _)| *name).collect();
            if !names.is_empty() {
                _ = writeln!(text, "{:<22} {}", format!("{what} {words}"), names.join(" "));
            }
        }
    }
    let aia = match info.aia {
        None => "none: the processor has no AIA; interrupts come from vhart's own controller".to_owned(),
        Some(aia) if aia.hwaccel => format!("hwaccel, emul; {} identities", aia.ids),
        Some(aia) => format!("emul (the processor has no interrupt files for guests); {} identities", aia.ids),
    };
    _ = writeln!(text, "{:<22} {aia}", "AIA in the kernel");
    _ = writeln!(text, "{:<22} {}", "paging", info.mmu);
    _ = writeln!(text, "{:<22} {} Hz", "timebase", info.timebase_hz);
    _ = writeln!(text, "{:<22} {}", "registers", info.registers.len());
    for (name, value) in &info.capabilities {
        _ = writeln!(text, "{name:<22} {value}");
    }
    text
}

/// None of the names needs an escape.
fn as_json(info: &Info) -> String {
    let offers =
        |list: &[(&str, Offer)]| list.iter().map(|(name, offer)| format!("\"{name}\": \"{}\"", offer.word())).collect();
    let capabilities = info.capabilities.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
    let registers: Vec<String> = info.registers.iter().map(|name| format!("\"{name}\"")).collect();
    let aia =
        info.aia.map_or("null".to_owned(), |aia| format!("{{\"hwaccel\": {}, \"ids\": {}}}", aia.hwaccel, aia.ids));
    format!(
        "{{\n  \"schema\": 1,\n  \"isa\": {},\n  \"sbi\": {},\n  \"aia\": {aia},\n  \"mmu\": \"{}\",\n  \"timebase_hz\": {},\n  \
         \"capabilities\": {},\n  \"registers\": [{}]\n}}\n",
        object(offers(&info.isa)),
        object(offers(&info.sbi)),
        info.mmu,
        info.timebase_hz,
        object(capabilities),
        registers.join(", "),
    )
}

fn object(members: Vec<String>) -> String {
    format!("{{{}}}", members.join(", "))
}

#[cfg(test)]
mod tests {
    use kvm::AiaInfo;

    use super::*;

    fn info() -> Info {
        Info {
            capabilities: vec![("max-vcpus", 1024)],
            isa: vec![("i", Offer::Always), ("svadu", Offer::On)],
            sbi: vec![("time", Offer::On), ("susp", Offer::Off)],
            mmu: "riscv,sv48",
            timebase_hz: 10_000_000,
            aia: Some(AiaInfo { hwaccel: true, ids: 255 }),
            registers: vec!["pc".to_owned(), "x1".to_owned()],
        }
    }

    #[test]
    fn each_offer_has_a_line_that_names_what_is_offered() {
        let text = as_text(&info());
        assert!(
            text.contains("ISA always             i\n") && text.contains("SBI off, can be on     susp\n"),
            "{text}"
        );
        assert!(text.contains("hwaccel, emul; 255 identities"), "{text}");
    }

    #[cfg(feature = "machine")]
    #[test]
    fn json_says_the_same() {
        let read: serde_json::Value = serde_json::from_str(&as_json(&info())).unwrap();
        assert_eq!(read["isa"]["svadu"], "on");
        assert_eq!(read["sbi"]["susp"], "off");
        assert_eq!(read["capabilities"]["max-vcpus"], 1024);
        assert_eq!((&read["aia"]["ids"], &read["registers"][1]), (&255.into(), &"x1".into()));
        let none: serde_json::Value = serde_json::from_str(&as_json(&Info { aia: None, ..info() })).unwrap();
        assert!(none["aia"].is_null());
    }
}
