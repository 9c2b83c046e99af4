//! Values with units: sizes and times.

use std::time::Duration;

use board::limits::{MAX_HARTS, MAX_MEMORY_BYTES, MIN_MEMORY_BYTES};

use super::properties;

/// Reads a size of memory as QEMU's `-m` does: `512M`, `2G`, `1.5G`, `65536K`; without a unit it is in MiB. What a
/// fraction leaves over is filled up to whole pages.
pub fn size(text: &str) -> Result<u64, String> {
    const UNITS: u64 = 1 << 20;
    let bytes = bytes(text)?;
    match if text.contains('.') { bytes.saturating_add(4095) / 4096 * 4096 } else { bytes } {
        bytes if !(MIN_MEMORY_BYTES..=MAX_MEMORY_BYTES).contains(&bytes) => {
            Err(format!("a machine has {}M to {}T of memory", MIN_MEMORY_BYTES / UNITS, MAX_MEMORY_BYTES >> 40))
        }
        bytes if bytes.is_multiple_of(4096) => Ok(bytes),
        _ => Err("not a multiple of 4 KiB".into()),
    }
}

/// Reads how many harts.
pub fn harts(text: &str) -> Result<u32, String> {
    let fits = |harts: &u32| (1..=MAX_HARTS).contains(&(*harts as usize));
    text.parse().ok().filter(fits).ok_or_else(|| format!("a machine has 1 to {MAX_HARTS} harts, not '{text}'"))
}

/// Reads a number: `1000000`, `10M`, `2.5G`; the units are thousands.
pub fn count(text: &str) -> Result<u64, String> {
    let wrong = || format!("'{text}' is not a number; write for example 1000000, 10M or 2G");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" => return digits.parse().map_err(|_| wrong()),
        "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        _ => return Err(wrong()),
    };
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    let count = number * unit;
    if (0.0..9e18).contains(&count) { Ok(count as u64) } else { Err(wrong()) }
}

/// Reads the number that all chance comes from.
pub fn seed(text: &str) -> Result<u64, String> {
    properties::number(text).ok_or_else(|| format!("a seed is a number, not '{text}'"))
}

/// The power of two that a unit of bytes is.
fn shift(unit: &str) -> Result<u32, String> {
    let upper = unit.to_ascii_uppercase();
    match upper.strip_suffix("IB").or(upper.strip_suffix('B')).unwrap_or(&upper) {
        "" | "M" => Ok(20),
        "K" => Ok(10),
        "G" => Ok(30),
        "T" => Ok(40),
        _ => Err(format!("there is no unit '{unit}'; write for example 512M or 2G")),
    }
}

/// Reads a number of bytes with a unit; without one it is in MiB.
pub fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = shift(&text[digits.len()..])?;
    let wrong = || "not a size; write for example 512M or 2G".to_owned();
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return Err(wrong());
    }
    let fraction: f64 = format!("0.{fraction}").parse().map_err(|_| wrong())?;
    let whole = whole.parse::<u64>().ok().and_then(|whole| whole.checked_mul(1 << shift));
    // A number that is too large for a u64 is too large for the board as well.
    Ok(whole.unwrap_or(u64::MAX).saturating_add((fraction * (1u64 << shift) as f64) as u64))
}

/// Reads a time: `90`, `90s`, `1.5m`, `2h`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        unit => return Err(format!("there is no unit '{unit}'; write for example 90, 90s, 5m or 1h")),
    };
    let number: f64 = digits.parse().map_err(|_| "not a time; write for example 90, 90s, 5m or 1h".to_owned())?;
    Duration::try_from_secs_f64(number * unit).map_err(|_| "not a possible time".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_qemus_units() {
        assert_eq!(size("512"), Ok(512 << 20));
        assert_eq!(size("2G"), Ok(2 << 30));
        assert_eq!(size("8192k"), Ok(8 << 20));
        assert_eq!(size("1GiB"), Ok(1 << 30));
        assert_eq!(size("256MB"), Ok(256 << 20));
        assert_eq!(size("1.5G"), Ok(3 << 29));
        assert_eq!(size("1.9G"), Ok(2_040_111_104));
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for text in [
            "",
            "G",
            "0",
            "-1",
            "2X",
            "1K",
            "3M",
            "9T",
            "4097K",
            "1.",
            ".5G",
            "1.-5G",
            "99999999999999999999",
            "17592186044416M",
            "²",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_have_decimal_units() {
        assert_eq!([count("0"), count("10M"), count("2.5k")], [Ok(0), Ok(10_000_000), Ok(2500)]);
        assert_eq!(count("18446744073709551615"), Ok(u64::MAX));
        for text in ["", "M", "-1", "1X", "1e3M2", "99999999T", "nanM", "18446744073709551616"] {
            assert!(count(text).is_err(), "{text}");
        }
        assert_eq!((harts("64"), seed("0x10")), (Ok(64), Ok(16)));
        for text in ["0", "65", "-1", "two", ""] {
            assert!(harts(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert!(duration("-1").is_err());
        assert!(duration("soon").is_err());
        assert!(duration("nan").is_err());
    }
}
