//! `--rng`: where the source of random numbers is.

use super::properties::Properties;

/// Reads QEMU's `bus=virtio-mmio-bus.N`.
pub fn parse(text: &str) -> Result<usize, String> {
    let mut all = Properties::read("a source of random numbers", text, None);
    let slot = all.take_slot()?;
    all.finish()?;
    slot.ok_or_else(|| "in which slot? Write bus=virtio-mmio-bus.N".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_a_slot_and_nothing_else() {
        assert_eq!(parse("bus=virtio-mmio-bus.3"), Ok(3));
        for text in ["", "bus=virtio-mmio-bus.8", "bus=virtio-mmio-bus.1,x=y", "on"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
