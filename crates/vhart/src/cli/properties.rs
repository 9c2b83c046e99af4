//! `key=value,key=value`: the values of QEMU's options.

use board::map::VIRTIO_SLOTS;

/// What an option's value says, with what has been taken from it taken away.
#[derive(Debug)]
pub struct Properties {
    option: String,
    pairs: Vec<(String, String)>,
}

impl Properties {
    /// Reads the value of `option`. Its first part may be a value without its key, which is `implied` then; any other
    /// key alone is switched on, or off where it begins with `no`. A doubled comma is one of the value's.
    pub fn read(option: &str, text: &str, implied: Option<&str>) -> Properties {
        let separated = text.replace(",,", "\0");
        let parts = separated.split(',').map(|part| part.replace('\0', ",")).enumerate();
        let pairs =
            parts.filter(|(_, part)| !part.is_empty()).map(|(at, part)| match (part.split_once('='), implied) {
                (Some((key, value)), _) => (key.to_owned(), value.to_owned()),
                (None, Some(key)) if at == 0 => (key.to_owned(), part),
                (None, _) => (part, "on".to_owned()),
            });
        Properties { option: option.to_owned(), pairs: pairs.collect() }
    }

    /// The option, as the user would write it.
    #[cfg(feature = "machine")]
    pub fn option(&self) -> &str {
        &self.option
    }

    /// Names the option more closely, for what is said about it.
    #[cfg(feature = "machine")]
    pub fn call(&mut self, option: String) {
        self.option = option;
    }

    /// Whether `key` is still there.
    #[cfg(feature = "machine")]
    pub fn has(&self, key: &str) -> bool {
        self.pairs.iter().any(|(name, _)| name == key)
    }

    /// The value of `key`: the last, where it stands more than once.
    pub fn take(&mut self, key: &str) -> Option<String> {
        self.take_all(key).pop()
    }

    /// All values of `key`, in order.
    pub fn take_all(&mut self, key: &str) -> Vec<String> {
        let (taken, rest) = std::mem::take(&mut self.pairs).into_iter().partition(|(name, _)| name == key);
        self.pairs = rest;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(_, value)| value).collect()
    }

    /// The value of a key that is on or off; off is also said by `no` before the key.
    pub fn take_switch(&mut self, key: &str) -> Result<Option<bool>, String> {
        if self.take(&format!("no{key}")).is_some() {
            return Ok(Some(false));
        }
        self.take(key).map(|value| switch(&value).ok_or_else(|| self.wrong(key, "on or off", &value))).transpose()
    }

    /// N of `bus=virtio-mmio-bus.N`: the slot that a device is to be in.
    pub fn take_slot(&mut self) -> Result<Option<usize>, String> {
        let slot = |bus: &str| bus.strip_prefix("virtio-mmio-bus.")?.parse().ok().filter(|&slot| slot < VIRTIO_SLOTS);
        let last = VIRTIO_SLOTS - 1;
        self.take("bus")
            .map(|bus| slot(&bus).ok_or_else(|| self.wrong("bus", &format!("virtio-mmio-bus.0 to .{last}"), &bus)))
            .transpose()
    }

    /// A number, decimal or with 0x before it.
    pub fn take_number(&mut self, key: &str) -> Result<Option<u64>, String> {
        let read = |value: String| number(&value).ok_or_else(|| self.option.clone() + &not_a_number(key, &value));
        let value = self.pairs.iter().rfind(|(name, _)| name == key).map(|(_, value)| value.clone());
        let number = value.map(read).transpose()?;
        self.take_all(key);
        Ok(number)
    }

    /// Takes keys that mean nothing to this machine, and answers those that were there.
    pub fn take_any(&mut self, keys: &[&str]) -> Vec<String> {
        let (taken, rest) =
            std::mem::take(&mut self.pairs).into_iter().partition(|(name, _)| keys.contains(&name.as_str()));
        self.pairs = rest;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(key, value)| format!("{key}={value}")).collect()
    }

    /// What is left.
    pub fn rest(self) -> Vec<(String, String)> {
        self.pairs
    }

    /// Refuses what is left, by its name.
    pub fn finish(self) -> Result<(), String> {
        match self.pairs.first() {
            None => Ok(()),
            Some((key, value)) => Err(format!("{}: there is no '{key}={value}' here", self.option)),
        }
    }

    /// A sentence about a wrong value.
    pub fn wrong(&self, key: &str, what: &str, value: &str) -> String {
        format!("{}: {key} is {what}, not '{value}'", self.option)
    }
}

fn not_a_number(key: &str, value: &str) -> String {
    format!(": {key} is a number such as 4096 or 0x1000, not '{value}'")
}

/// What `on` and its like say.
pub fn switch(value: &str) -> Option<bool> {
    match value {
        "on" | "yes" | "true" | "y" => Some(true),
        "off" | "no" | "false" | "n" => Some(false),
        _ => None,
    }
}

/// A number, decimal or with 0x before it.
pub fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubled_comma_is_one_of_the_value() {
        let mut all = Properties::read("-drive", "file=a,,b.img,readonly,if=none", None);
        assert_eq!(all.take("file").as_deref(), Some("a,b.img"));
        assert_eq!(all.take_switch("readonly"), Ok(Some(true)));
        assert_eq!(all.finish(), Err("-drive: there is no 'if=none' here".to_owned()));
    }

    #[test]
    fn the_first_key_may_be_implied_and_the_last_value_counts() {
        let mut all = Properties::read("-m", "2G,slots=2,slots=3", Some("size"));
        assert_eq!((all.take("size").as_deref(), all.take_number("slots")), (Some("2G"), Ok(Some(3))));
        assert_eq!(all.finish(), Ok(()));
    }

    #[test]
    fn wrong_values_are_told_with_the_option() {
        let mut all = Properties::read("-netdev", "user,restrict=maybe,net=x", Some("type"));
        assert_eq!(all.take_switch("restrict"), Err("-netdev: restrict is on or off, not 'maybe'".to_owned()));
        assert!(all.take_number("net").unwrap_err().starts_with("-netdev: net is a number"));
        assert_eq!(Properties::read("-serial", "tcp::1,nowait", None).take_switch("wait"), Ok(Some(false)));
    }
}
