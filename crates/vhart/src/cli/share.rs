//! `--share`: a directory of this computer.

use std::path::PathBuf;
use std::sync::Arc;

use virtio::{ShareAccess, ShareDir, ShareError, ShareOptions};

use super::properties::Properties;
use crate::errors::{tell, without_number};

/// What the first share is called where nobody says; the next is `share1`.
const TAG: &str = "share";

/// A directory, and how it may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The directory.
    pub directory: PathBuf,
    /// The guest cannot change anything.
    pub readonly: bool,
    /// The name by which the guest mounts it.
    pub tag: Option<String>,
    /// The virtio-mmio slot, if it matters.
    pub slot: Option<usize>,
}

/// Reads `DIR[,readonly][,tag=NAME]`.
pub fn parse(text: &str) -> Result<Share, String> {
    let text = text.strip_prefix("path=").unwrap_or(text);
    let mut all = Properties::read("a share", &format!("path={text}"), None);
    let share = Share {
        directory: all.take("path").unwrap_or_default().into(),
        readonly: all.take_switch("readonly")?.unwrap_or(false),
        tag: all.take("tag"),
        slot: all.take_slot()?,
    };
    if let Some((key, value)) = all.rest().first() {
        return Err(format!(
            "there is no '{key}={value}' here; there are DIR, readonly, tag=NAME and bus, and a comma in DIR is written twice"
        ));
    }
    match share.directory.as_os_str().is_empty() {
        true => Err("which directory? Write DIR[,readonly][,tag=NAME]".into()),
        false => Ok(share),
    }
}

/// The tags of all shares of a machine.
pub fn tags(shares: &[Share]) -> Vec<String> {
    let usual = |at| if at == 0 { TAG.to_owned() } else { format!("{TAG}{at}") };
    shares.iter().enumerate().map(|(at, share)| share.tag.clone().unwrap_or_else(|| usual(at))).collect()
}

/// Opens the directories.
///
/// # Errors
/// One cannot be shared.
pub fn open(shares: &[Share]) -> Result<Vec<ShareDir>, ShareError> {
    let open = |(share, tag): (&Share, String)| {
        let access = if share.readonly { ShareAccess::ReadOnly } else { ShareAccess::ReadWrite };
        let options = ShareOptions { tag, access, report: Arc::new(|text| tell(without_number(text))) };
        ShareDir::open(&share.directory, options)
    };
    shares.iter().zip(tags(shares)).map(open).collect()
}

/// Refuses what cannot be shared, or has the name of another, before anything is done for the machine.
pub fn check(shares: &[Share]) -> Result<(), String> {
    let tags = tags(shares);
    if let Some((_, tag)) = tags.iter().enumerate().find(|(at, tag)| tags[..*at].contains(tag)) {
        return Err(format!("two shares have the tag '{tag}'; give each one of its own with tag=NAME"));
    }
    open(shares).map(drop).map_err(|error| {
        let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        without_number(&format!("{error}{source}"))
    })
}

/// The same where the host of `vhart linux` mounts each at a directory of its tag's name.
#[cfg(feature = "linux")]
pub fn check_mounted(shares: &[Share]) -> Result<(), String> {
    match tags(shares).iter().find(|tag| tag.contains('/') || tag.starts_with('.')) {
        Some(tag) => Err(format!("'{tag}' is no name for a directory in /mnt; give the share another tag=NAME")),
        None => check(shares),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(directory: &str) -> Share {
        Share { directory: directory.into(), readonly: false, tag: None, slot: None }
    }

    #[test]
    fn a_directory_alone_is_writable() {
        assert_eq!(parse("some/where"), Ok(share("some/where")));
        assert_eq!(parse("a=b,,c"), Ok(share("a=b,c")));
        assert_eq!(parse("path=."), Ok(share(".")));
    }

    #[test]
    fn it_may_be_readonly_and_have_a_tag_and_a_slot() {
        let tagged = Share { readonly: true, tag: Some("src".into()), ..share("/usr/src") };
        assert_eq!(parse("/usr/src,readonly,tag=src"), Ok(tagged.clone()));
        let placed = Share { slot: Some(2), ..tagged };
        assert_eq!(parse("/usr/src,tag=src,bus=virtio-mmio-bus.2,readonly=on"), Ok(placed));
    }

    #[test]
    fn shares_without_a_tag_are_numbered() {
        let tagged = Share { tag: Some("src".into()), ..share("b") };
        assert_eq!(tags(&[share("a"), tagged, share("c")]), ["share", "src", "share2"]);
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        for text in ["", ",readonly", "a,b", "a,readonly=maybe", "a,cache=loose", "a,bus=pcie.0"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_shared_is_told_in_a_sentence() {
        let twice = [share("/"), Share { tag: Some("share".into()), ..share("/") }];
        assert!(check(&twice).unwrap_err().contains("two shares have the tag 'share'"));
        assert!(check(&[share("/nowhere/at/all")]).unwrap_err().contains("mkdir -p"));
        assert!(check(&[share("/dev/null")]).unwrap_err().contains("\"/dev/null\" is no directory"));
        let long = Share { tag: Some("t".repeat(32)), readonly: true, ..share("/") };
        assert!(check(&[long]).unwrap_err().contains("1 to 31"));
        assert_eq!(check(&[Share { readonly: true, ..share("/") }]), Ok(()));
    }
}
