//! Values with units: sizes and times.

use std::time::Duration;

/// Reads a size in bytes as QEMU's `-m` does: `512M`, `2G`, `65536K`; without a unit it is in MiB.
pub fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match text[digits.len()..].to_ascii_uppercase().trim_end_matches("IB") {
        "" | "M" => 20,
        "K" => 10,
        "G" => 30,
        "T" => 40,
        unit => return Err(format!("there is no unit '{unit}'; write for example 512M or 2G")),
    };
    let number: u64 = digits.parse().map_err(|_| "not a size; write for example 512M or 2G".to_owned())?;
    match number.checked_mul(1 << shift) {
        Some(0) => Err("a machine needs some memory".into()),
        Some(bytes) if bytes % 4096 == 0 && bytes <= 1 << 46 => Ok(bytes),
        Some(bytes) if bytes <= 1 << 46 => Err("not a multiple of 4 KiB".into()),
        _ => Err("more than the 64 TiB that the board can address".into()),
    }
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
        assert_eq!(size("64k"), Ok(64 << 10));
        assert_eq!(size("1GiB"), Ok(1 << 30));
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for text in ["", "G", "0", "-1", "2X", "1K", "1.5G", "99999999999999999999", "17592186044416M", "²"] {
            assert!(size(text).is_err(), "{text}");
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
