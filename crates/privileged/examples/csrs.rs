//! Prints `docs/csrs.md`: `cargo run -p vhart-privileged --example csrs > docs/csrs.md`.

use std::fmt::Write as _;

use arch::csr;
use arch::{Isa, Mode};
use privileged::csr::{InPlace, exists, implemented, in_place, peek, reached, writable};
use privileged::{Aia, Config, State};

const INTRODUCTION: &str = "# Control and status registers

All registers of a hart with every extension that vhart has and one guest interrupt file, as the tables in `arch::csr` and `privileged::csr`
say; this page is made of them (`cargo run -p vhart-privileged --example csrs`), and a test compares.

- *from*: the lowest mode that may access it; `ro` where it is read-only by its address.
- *V = 1*: the register that an access by a guest reaches.
- *needs*: the extensions without which it is absent.
- *software chooses*: the bits that can be written, each in some value at least.
- *reset*: what it shows after reset.
- *translated*: what code that the translator makes for the lowest mode does by itself: reads and writes (`word`, `constant`), all but
  writes to fields with consequences (`fields`), reads and writes that change nothing (`view`), only such writes (`unchanged`), what leaves
  the host's rounding mode alone (`float`). What is left goes through the interpreter. (`sie` and `vsie` are views on harts without AIA.)

| address | register | from | V = 1 | needs | software chooses | reset | translated | fields |
|---|---|---|---|---|---|---|---|---|
";

/// The page.
pub fn page() -> String {
    let aia = Aia { imsic: true, ..Aia::FULL };
    let config = Config { aia, guest_external_interrupts: 1, ..Config::new(Isa::ALL, 0) };
    let mut page = INTRODUCTION.to_owned();
    for family in families(&config) {
        let _ = writeln!(page, "| {} | {} |", span(&family.addresses), family.cells);
    }
    page
}

/// Registers of one family that do not differ in what the page says.
struct Family {
    stem: String,
    addresses: Vec<u16>,
    cells: String,
}

fn families(config: &Config) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for address in implemented(config) {
        let stem = name(address).trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
        let cells = cells(config, address);
        match families.last_mut() {
            Some(last) if last.stem == stem && last.cells == cells => last.addresses.push(address),
            _ => families.push(Family { stem, addresses: vec![address], cells }),
        }
    }
    families
}

fn name(address: u16) -> String {
    csr::name(address).map(|name| name.to_string()).unwrap_or_default()
}

/// The address and the name of one register, or of the first and the last.
fn span(addresses: &[u16]) -> String {
    match addresses {
        [first, .., last] => format!("{first:#05x} to {last:#05x} | `{}` to `{}`", name(*first), name(*last)),
        only => only.iter().map(|&one| format!("{one:#05x} | `{}`", name(one))).collect(),
    }
}

/// What comes behind the name.
fn cells(config: &Config, address: u16) -> String {
    let reset = peek(&State::reset(config), config, address).unwrap_or_default();
    let guests = Some(reached(Mode::VS, address)).filter(|&other| other != address);
    [
        from(address),
        guests.map(|other| format!("`{}`", name(other))).unwrap_or_default(),
        needs(config, address),
        number(writable(config, address)),
        number(reset),
        translated(config, address).to_owned(),
        fields(address),
    ]
    .join(" | ")
}

fn number(value: u64) -> String {
    match value {
        0 => String::new(),
        u64::MAX => "all".to_owned(),
        _ => format!("{value:#x}"),
    }
}

/// The mode that an address says.
const fn mode(address: u16) -> (Mode, &'static str) {
    match csr::privilege(address) {
        0 => (Mode::U, "U"),
        1 => (Mode::HS, "S"),
        2 => (Mode::HS, "HS"),
        _ => (Mode::M, "M"),
    }
}

fn from(address: u16) -> String {
    let (_, mode) = mode(address);
    if csr::is_read_only(address) { format!("{mode} ro") } else { mode.to_owned() }
}

fn needs(config: &Config, address: u16) -> String {
    let without = |extension| Config { isa: config.isa.without(extension), ..config.clone() };
    let needed = config.isa.iter().filter(|&extension| !exists(&without(extension), address));
    needed.map(|extension| extension.name()).collect::<Vec<_>>().join(" ")
}

fn translated(config: &Config, address: u16) -> &'static str {
    match in_place(config, mode(address).0, address) {
        None => "",
        Some(InPlace::Word(_)) => "word",
        Some(InPlace::View(view)) if view.readable => "view",
        Some(InPlace::View(_)) => "unchanged",
        Some(InPlace::Fields(_)) => "fields",
        Some(InPlace::Constant(_)) => "constant",
        Some(InPlace::Float(_)) => "float",
    }
}

/// `MODE[63:60] ASID[59:44] PPN[43:0]`; those with numbers are one: `HPMn[31:3]`.
fn fields(address: u16) -> String {
    let mut fields: Vec<(String, u8, u8)> = Vec::new();
    for field in csr::fields(address) {
        let name = field.name.to_string();
        let name = name.replacen(|c: char| c.is_ascii_digit(), "n", 1).replace(|c: char| c.is_ascii_digit(), "");
        match fields.last_mut() {
            Some((last, _, low)) if *last == name => *low = field.low,
            _ => fields.push((name, field.low + field.width - 1, field.low)),
        }
    }
    let bits = |(name, high, low)| match high == low {
        true => format!("{name}\\[{low}]"),
        false => format!("{name}\\[{high}:{low}]"),
    };
    fields.into_iter().map(bits).collect::<Vec<_>>().join(" ")
}

fn main() {
    print!("{}", page());
}
