//! `--kvm`: how engine kvm uses its host.

use super::properties::{Properties, switch};

/// What the user said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KvmOptions {
    /// SBI extensions that are switched on or off.
    pub sbi: Vec<kvm::Switch>,
    /// Whether the kernel passes on writes that only notify devices.
    pub ioeventfd: Option<bool>,
}

/// Reads `sbi-sta=off,ioeventfd=off`.
pub fn parse(text: &str) -> Result<KvmOptions, String> {
    let mut all = Properties::read("--kvm", text, None);
    let ioeventfd = all.take_switch("ioeventfd")?;
    let mut options = KvmOptions { ioeventfd, ..KvmOptions::default() };
    for (key, value) in all.rest() {
        match (key.strip_prefix("sbi-"), switch(&value)) {
            (Some(name), Some(on)) => options.sbi.push((name.to_owned(), on)),
            (Some(_), None) => return Err(format!("--kvm: {key} is on or off, not '{value}'")),
            (None, _) => {
                return Err(format!("--kvm: there is no '{key}={value}' here; there are sbi-NAME and ioeventfd"));
            }
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_read() {
        let options = parse("sbi-susp=on,ioeventfd=off,sbi-sta=no").unwrap();
        assert_eq!(options.sbi, [("susp".to_owned(), true), ("sta".to_owned(), false)]);
        assert_eq!(options.ioeventfd, Some(false));
    }

    #[test]
    fn what_is_not_there_is_refused_by_name() {
        for (text, expected) in
            [("wings=on", "'wings=on'"), ("sbi-sta=perhaps", "sbi-sta"), ("ioeventfd=2", "ioeventfd")]
        {
            let why = parse(text).unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
    }
}
