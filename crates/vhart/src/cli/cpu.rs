//! QEMU's properties of a CPU: `h=true,v=false,sstc=off`.

use arch::isa::{Extension, Isa};

use super::properties::{Properties, switch};

/// Properties that say nothing about instructions: the machine has what they ask for, or no guest can tell.
const IGNORED: &[&str] = &[
    "mmu",
    "pmp",
    "pmu-num",
    "pmu-mask",
    "num-pmp-regions",
    "debug",
    "short-isa-string",
    "x-misa-w",
    "big-endian",
    "priv_spec",
    "vext_spec",
    "vlen",
    "elen",
    "rvv_ta_all_1s",
    "rvv_ma_all_1s",
];

/// What QEMU 11 has in `riscv,isa` under `-cpu rv64` (`-M virt,dumpdtb=FILE`), less what no machine here has: Sdtrig,
/// and Ssstrict, which says that nothing else is there. Its Sv57 is by option here, as in the default.
const RV64: &str = "rv64imafdch_zic64b_zicbom_zicbop_zicboz_ziccamoa_ziccif_zicclsm_ziccrse_zicntr_zicsr_zifencei_zihintntl_zihintpause_\
                    zihpm_zmmul_za64rs_zaamo_zalrsc_zawrs_zfa_zca_zcd_zba_zbb_zbc_zbs_shcounterenw_shgatpa_shtvala_shvsatpa_shvstvala_\
                    shvstvecd_ssccptr_sscounterenw_sstc_sstvala_sstvecd_ssu64xl_svadu_svvptc";

/// The CPU that QEMU calls `name`, if it means something here (`docs/adr/0016`).
pub fn named(name: &str) -> Option<Isa> {
    match name {
        "max" => Some(Isa::default()),
        "rv64" => Some(Isa::parse(RV64).expect("all of it is here").with(Extension::Sv48)),
        _ => None,
    }
}

/// Whether a property says nothing about instructions.
pub fn is_ignored(name: &str) -> bool {
    IGNORED.contains(&name)
}

/// `isa` with QEMU's `properties`, the later before the earlier.
///
/// # Errors
/// An extension is wanted that the machine has not, or a property that it cannot have.
pub fn with_properties(isa: Isa, properties: &str) -> Result<Isa, String> {
    let mut isa = isa;
    for (name, value) in Properties::read("-cpu", properties, None).rest() {
        isa = with_property(isa, &name, &value)?;
    }
    Ok(isa)
}

fn with_property(isa: Isa, name: &str, value: &str) -> Result<Isa, String> {
    // QEMU's older names of what was experimental begin with x-.
    let plain = name.strip_prefix("x-").unwrap_or(name).to_ascii_lowercase();
    let known = Extension::ALL.iter().copied().find(|extension| extension.name() == plain);
    match (known, switch(value)) {
        (Some(extension), Some(true)) => Ok(isa.with(extension).closed()),
        (Some(extension), Some(false)) if Isa::BASE.has(extension) => {
            Err(format!("there is no machine without {plain}"))
        }
        (Some(extension), Some(false)) => Ok(isa.less(extension)),
        (Some(_), None) => Err(format!("{name} is true or false, not '{value}'")),
        (None, on) => without_extension(isa, name, value, on),
    }
}

/// A property that is no extension of this machine's.
fn without_extension(isa: Isa, name: &str, value: &str, on: Option<bool>) -> Result<Isa, String> {
    match (name, on) {
        ("cbom_blocksize" | "cbop_blocksize" | "cboz_blocksize", _) if value == "64" => Ok(isa),
        ("mmu" | "pmp", Some(false)) => Err(format!("there is no machine without {name}")),
        ("big-endian", Some(true)) => Err("the machine is little-endian".to_owned()),
        _ if IGNORED.contains(&name) => Ok(isa),
        // what is missing is off anyway
        (_, Some(false)) if is_extension(name) => Ok(isa),
        (_, Some(true)) if is_extension(name) => {
            let why = Isa::parse(&format!("rv64i_{name}")).err().map(|why| why.to_string());
            Err(why.unwrap_or_else(|| format!("there is no extension {name}")))
        }
        _ => Err(format!("there is no property '{name}={value}' here")),
    }
}

/// Whether `name` is one that RISC-V gives to extensions.
fn is_extension(name: &str) -> bool {
    let name = name.strip_prefix("x-").unwrap_or(name);
    name.len() == 1 || name.starts_with(['z', 'Z', 's', 'x'])
}

/// Reads an instruction set: its string, or one of QEMU's names for it, and QEMU's properties that change it.
pub fn isa(text: &str) -> Result<Isa, String> {
    let (name, properties) = text.split_once(',').unwrap_or((text, ""));
    let isa = named(name).map_or_else(|| Isa::parse(name).map_err(|e| e.to_string()), Ok)?;
    with_properties(isa, properties)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Extension::{H, Sstc, Svade, Svadu, Zba, Zca, Zcb, Zcd};

    fn cpu(properties: &str) -> Result<Isa, String> {
        with_properties(Isa::default(), properties)
    }

    /// The differences are those of `docs/qemu.md`.
    #[test]
    fn qemus_rv64_is_qemus() {
        let isa = named("rv64").unwrap();
        // Each machine here has Svbare, and is said to have B where it has all its parts.
        let names: String = isa.without(Extension::B).without(Extension::Svbare).string().to_string();
        assert_eq!(names, RV64);
        for missing in [Extension::Smstateen, Extension::Svpbmt, Extension::Svade, Extension::Sscofpmf, Extension::Sv57]
        {
            assert!(!isa.has(missing), "{missing:?}");
            let more = with_properties(isa, &format!("{}=on", missing.name())).unwrap();
            assert!(more.has(missing), "{missing:?}");
        }
    }

    #[test]
    fn state_enable_goes_as_a_whole() {
        for line in ["smstateen=off", "ssstateen=off"] {
            let isa = cpu(line).unwrap();
            assert!(!isa.has(Extension::Smstateen) && !isa.has(Extension::Ssstateen) && isa.has(H), "{line}: {isa:?}");
        }
    }

    #[test]
    fn extensions_are_switched_on_and_off() {
        assert_eq!(cpu("h=true,v=false,zvbb=off"), Ok(Isa::default()));
        let isa = cpu("h=false,sstc=off").unwrap();
        assert!(!isa.has(H) && !isa.has(Sstc) && isa.has(Zba));
        assert!(cpu("h=false,h=true").unwrap().has(H));
    }

    #[test]
    fn what_implies_an_extension_goes_with_it() {
        let isa = cpu("c=false").unwrap();
        assert!([Extension::C, Zca, Zcb, Zcd].iter().all(|&e| !isa.has(e)), "{isa:?}");
        let isa = cpu("d=off").unwrap();
        assert!(!isa.has(Extension::D) && !isa.has(Zcd) && isa.has(Extension::F) && isa.has(Zca), "{isa:?}");
    }

    #[test]
    fn who_sets_accessed_and_dirty_can_be_chosen() {
        let isa = cpu("svadu=off,svade=on").unwrap();
        assert!(isa.has(Svade) && !isa.has(Svadu));
        let isa = cpu("svade=false,svadu=true").unwrap();
        assert!(!isa.has(Svade) && isa.has(Svadu));
    }

    #[test]
    fn what_is_missing_is_refused_by_name() {
        for (properties, name) in [("v=true", "\"v\""), ("zvfh=on", "zvfh"), ("mmu=off", "mmu"), ("wings=3", "wings")] {
            let why = cpu(properties).unwrap_err();
            assert!(why.contains(name), "{why}");
        }
        assert_eq!(cpu("zba=perhaps"), Err("zba is true or false, not 'perhaps'".to_owned()));
    }
}
