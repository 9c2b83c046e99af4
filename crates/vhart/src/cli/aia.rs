//! The board's interrupt controllers.

use arch::isa::{Extension, Isa};
use clap::{Args, ValueEnum};
use vcpu::ImsicShape;

/// Guest interrupt files of each hart that has an IMSIC and extension H, unless the user says how many.
const GUEST_FILES: u8 = 5;

/// The kind of interrupt controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A PLIC
    None,
    /// An APLIC, whose wires lead to the harts
    Aplic,
    /// An APLIC that sends messages to the harts' IMSICs
    AplicImsic,
}

impl Kind {
    /// As the user says it.
    #[cfg(feature = "linux")]
    pub fn word(self) -> &'static str {
        match self {
            Kind::None => "none",
            Kind::Aplic => "aplic",
            Kind::AplicImsic => "aplic-imsic",
        }
    }
}

/// The interrupt controllers of a machine.
#[derive(Args, Clone, Copy, Debug)]
pub struct AiaOptions {
    /// Interrupt controllers, as QEMU's -M virt,aia= [default: none]
    #[arg(long, value_enum, value_name = "KIND", help_heading = super::MACHINE)]
    aia: Option<Kind>,

    /// Guest interrupt files of each hart with --aia aplic-imsic, 0 to 63: KVM lends one to each vCPU that runs
    /// [default: 5]
    #[arg(long, value_name = "N", value_parser = guest_files, help_heading = super::MACHINE)]
    aia_guests: Option<u8>,
}

/// Reads a number of guest interrupt files.
fn guest_files(text: &str) -> Result<u8, String> {
    let most = ImsicShape::MAX_GUEST_FILES;
    text.parse()
        .ok()
        .filter(|files| *files <= most)
        .ok_or_else(|| format!("a hart has 0 to {most} guest interrupt files"))
}

impl AiaOptions {
    /// What the user asked for.
    #[cfg(feature = "linux")]
    pub fn kind(self) -> Kind {
        self.aia.unwrap_or(Kind::None)
    }

    /// The interrupt controllers of a machine of this instruction set.
    pub fn of(self, isa: Isa) -> board::Aia {
        let default = if isa.has(Extension::H) { GUEST_FILES } else { 0 };
        match self.aia {
            None | Some(Kind::None) => board::Aia::None,
            Some(Kind::Aplic) => board::Aia::Aplic,
            Some(Kind::AplicImsic) => board::Aia::AplicImsic { guest_files: self.aia_guests.unwrap_or(default) },
        }
    }

    /// Refuses what no machine of this instruction set has.
    pub fn check(self, isa: Isa) -> Result<(), String> {
        match self.aia_guests {
            None | Some(0) => Ok(()),
            Some(_) if self.aia != Some(Kind::AplicImsic) => {
                Err("guest interrupt files are in IMSICs: --aia-guests needs --aia aplic-imsic".into())
            }
            Some(_) if !isa.has(Extension::H) => {
                Err("guest interrupt files are for guests, and --isa has no h: leave --aia-guests out".into())
            }
            Some(_) => Ok(()),
        }
    }

    /// Refuses guests with IMSICs on a machine of this instruction set whose harts cannot give them any.
    #[cfg(feature = "linux")]
    pub fn check_guests(self, isa: Isa, guests: Kind) -> Result<(), String> {
        let has_ssaia = self.kind() != Kind::None || isa.has(Extension::Ssaia);
        if guests != Kind::AplicImsic || has_ssaia {
            return Ok(());
        }
        Err("guests have IMSICs where the machine's harts have Ssaia: --guest-aia aplic-imsic needs --aia aplic-imsic, or --aia aplic".into())
    }

    /// What the user should know of the choice.
    pub fn note(self, isa: Isa) -> Option<&'static str> {
        let none = self.of(isa) == board::Aia::AplicImsic { guest_files: 0 } && isa.has(Extension::H);
        none.then_some("without guest interrupt files KVM emulates its guests' interrupt controllers; --aia-guests 5 gives it some")
    }

    /// The board, as QEMU's `-machine` names it.
    #[cfg(feature = "linux")]
    pub fn board(self, isa: Isa) -> String {
        match self.of(isa) {
            board::Aia::None => "virt".to_owned(),
            board::Aia::Aplic => "virt,aia=aplic".to_owned(),
            board::Aia::AplicImsic { guest_files } => format!("virt,aia=aplic-imsic,aia-guests={guest_files}"),
        }
    }
}
