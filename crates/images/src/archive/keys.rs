//! The keys that archives are signed with, and whether a signature is by one of them.
//!
//! An `InRelease` file is a text in OpenPGP's cleartext signature framework (RFC 9580, section 7); `Release.gpg` is a
//! detached signature. One good signature by one trusted key suffices, as for apt. A key counts if it was valid when it
//! signed: this machine's clock does not matter, since it may be wrong, and an old snapshot stays what it was.

use std::fs;
use std::path::{Path, PathBuf};

use pgp::composed::{CleartextSignedMessage, Deserializable, DetachedSignature, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::Signature;
use pgp::types::{KeyDetails, VerifyingKey};

use super::sources::Source;
use crate::error::{Error, OnFile, Result};

/// Debian's keys, as the package debian-archive-keyring has them.
const DEBIAN: [&str; 2] = [include_str!("../../keys/debian-12.asc"), include_str!("../../keys/debian-13.asc")];

/// Where that package puts them: a system may have newer ones.
const DEBIAN_KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What begins a key in the text of a `Signed-By` field.
const ARMOR: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// Keys by which an archive may be signed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys(Vec<SignedPublicKey>);

impl Keys {
    /// The keys in the user's file, and no others.
    ///
    /// # Errors
    /// Where it cannot be read or has none.
    pub(crate) fn only(path: &Path) -> Result<Keys> {
        let keys = Keys::parse(&fs::read(path).on_file("read", path)?);
        if keys.0.is_empty() { Err(Error::Keyring { path: path.to_owned() }) } else { Ok(keys) }
    }

    /// Debian's keys, the system's newer ones, and those that the system's configuration under `etc` trusts for
    /// `source`.
    pub(crate) fn trusted(source: &Source, etc: &Path) -> Keys {
        let mut keys = Keys::debian();
        keys.add_file(Path::new(DEBIAN_KEYRING));
        match &source.signed_by {
            Some(text) if text.contains(ARMOR) => keys.0.extend(Keys::parse(&unfolded(text)).0),
            Some(paths) => paths.split_whitespace().for_each(|path| keys.add_file(Path::new(path))),
            None if source.configured => trusted_by_apt(etc).iter().for_each(|path| keys.add_file(path)),
            None => {}
        }
        keys
    }

    /// Debian's keys, as this program knows them.
    pub(crate) fn debian() -> Keys {
        Keys(DEBIAN.iter().flat_map(|text| Keys::parse(text.as_bytes()).0).collect())
    }

    /// How many certificates there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The keys that the bytes of a keyring hold, armored or not; what is none is passed over.
    fn parse(bytes: &[u8]) -> Keys {
        match SignedPublicKey::from_reader_many(bytes) {
            Ok((keys, _)) => Keys(keys.flatten().filter(|key| key.verify_bindings().is_ok()).collect()),
            Err(_) => Keys::default(),
        }
    }

    /// A file that is not there, or of which some is no key, adds what it can: other keys may do.
    fn add_file(&mut self, path: &Path) {
        if let Ok(bytes) = fs::read(path) {
            self.0.extend(Keys::parse(&bytes).0);
        }
    }

    /// The text of a clear-signed message, if one of these keys signed it.
    ///
    /// # Errors
    /// Why not, in words for the user.
    pub(crate) fn clear_text(&self, message: &str) -> std::result::Result<String, String> {
        let (message, _) = CleartextSignedMessage::from_string(message).map_err(broken)?;
        let text = message.signed_text();
        self.signed(&message.signatures().iter().collect::<Vec<_>>(), text.as_bytes())?;
        Ok(text)
    }

    /// Whether one of these keys made a detached signature of `data`.
    ///
    /// # Errors
    /// Why not, in words for the user.
    pub(crate) fn detached(&self, data: &[u8], signatures: &[u8]) -> std::result::Result<(), String> {
        let (signatures, _) = DetachedSignature::from_reader_many(signatures).map_err(broken)?;
        let signatures: Vec<DetachedSignature> = signatures.flatten().collect();
        self.signed(&signatures.iter().map(|detached| &detached.signature).collect::<Vec<_>>(), data)
    }

    fn signed(&self, signatures: &[&Signature], data: &[u8]) -> std::result::Result<(), String> {
        let mut whys: Vec<String> = Vec::new();
        for signature in signatures.iter().filter(|signature| is_strong(signature)) {
            match self.made(signature, data) {
                Ok(()) => return Ok(()),
                Err(why) => whys.push(why),
            }
        }
        whys.dedup();
        Err(if whys.is_empty() { "it has no signature with SHA-2".to_owned() } else { whys.join("; ") })
    }

    /// Whether one of these keys made `signature`.
    fn made(&self, signature: &Signature, data: &[u8]) -> std::result::Result<(), String> {
        let signers = self.0.iter().flat_map(signers).filter(|signer| signer.is_named_by(signature));
        let mut why = format!("signed by {}, which is not trusted", issuer(signature));
        for signer in signers {
            match signer.check(signature, data) {
                Ok(()) => return Ok(()),
                Err(worse) => why = worse,
            }
        }
        Err(why)
    }
}

/// A key or subkey that may sign, and when it may.
struct Signer<'a> {
    key: SignerKey<'a>,
    expires: Option<u64>,
}

enum SignerKey<'a> {
    Primary(&'a pgp::packet::PublicKey),
    Sub(&'a pgp::packet::PublicSubkey),
}

/// The signing keys of one certificate; none where it was revoked.
fn signers(key: &SignedPublicKey) -> Vec<Signer<'_>> {
    if !key.details.revocation_signatures.is_empty() {
        return Vec::new();
    }
    let own = key.details.users.iter().flat_map(|user| &user.signatures);
    let own = latest(own.chain(&key.details.direct_signatures));
    let primary = Signer { key: SignerKey::Primary(&key.primary_key), expires: expiry(&key.primary_key, own) };
    let ends = primary.expires;
    let subkeys = key.public_subkeys.iter().filter_map(|sub| sub_signer(sub, ends));
    std::iter::once(primary).chain(subkeys).collect()
}

/// A subkey that may sign; it is of no more use than its primary key, which expires at `ends`.
fn sub_signer(sub: &SignedPublicSubKey, ends: Option<u64>) -> Option<Signer<'_>> {
    let revoked = sub
        .signatures
        .iter()
        .any(|signature| matches!(signature.typ(), Some(pgp::packet::SignatureType::SubkeyRevocation)));
    let binding = latest(sub.signatures.iter())?;
    let expires = [expiry(&sub.key, Some(binding)), ends].into_iter().flatten().min();
    (binding.key_flags().sign() && !revoked).then_some(Signer { key: SignerKey::Sub(&sub.key), expires })
}

/// The signature that was made last: it says what holds.
fn latest<'a>(signatures: impl Iterator<Item = &'a Signature>) -> Option<&'a Signature> {
    signatures.max_by_key(|signature| signature.created().map_or(0, |time| time.as_secs()))
}

/// When a key expires by what its own `signature` says, in seconds since 1970.
fn expiry(key: &impl KeyDetails, signature: Option<&Signature>) -> Option<u64> {
    let valid = signature?.key_expiration_time()?.as_secs();
    (valid > 0).then(|| u64::from(key.created_at().as_secs()) + u64::from(valid))
}

impl Signer<'_> {
    fn is_named_by(&self, signature: &Signature) -> bool {
        let (id, fingerprint) = match self.key {
            SignerKey::Primary(key) => (key.legacy_key_id(), key.fingerprint()),
            SignerKey::Sub(key) => (key.legacy_key_id(), key.fingerprint()),
        };
        signature.issuer_key_id().contains(&&id) || signature.issuer_fingerprint().contains(&&fingerprint)
    }

    fn check(&self, signature: &Signature, data: &[u8]) -> std::result::Result<(), String> {
        match self.key {
            SignerKey::Primary(key) => check(key, self.expires, signature, data),
            SignerKey::Sub(key) => check(key, self.expires, signature, data),
        }
    }
}

fn check(
    key: &impl VerifyingKey,
    expires: Option<u64>,
    signature: &Signature,
    data: &[u8],
) -> std::result::Result<(), String> {
    let made = signature.created().map_or(0, |time| u64::from(time.as_secs()));
    let name = issuer(signature);
    if made < u64::from(key.created_at().as_secs()) || expires.is_some_and(|end| made >= end) {
        return Err(format!("signed by {name} when that key was not valid"));
    }
    signature.verify(key, data).map_err(|_| format!("the signature by {name} does not match the file"))
}

/// Whether the sum that was signed is one that nobody can forge.
fn is_strong(signature: &Signature) -> bool {
    use HashAlgorithm::{Sha3_256, Sha3_512, Sha256, Sha384, Sha512};
    signature.hash_alg().is_some_and(|sum| [Sha256, Sha384, Sha512, Sha3_256, Sha3_512].contains(&sum))
}

/// Why a signature cannot be read, in one line: some of the library's reasons have several.
fn broken(why: pgp::errors::Error) -> String {
    let why = why.to_string();
    format!("it is broken: {}", why.split_whitespace().collect::<Vec<_>>().join(" ").escape_debug())
}

/// How a signature names its key.
fn issuer(signature: &Signature) -> String {
    let fingerprint = signature.issuer_fingerprint().first().map(|print| format!("key {print:X}"));
    let id = || signature.issuer_key_id().first().map(|id| format!("key {id}"));
    fingerprint.or_else(id).unwrap_or_else(|| "an unnamed key".to_owned())
}

/// The key in a field's value, whose lines are indented, and whose empty lines are dots (sources.list(5)).
fn unfolded(text: &str) -> Vec<u8> {
    let lines = text.lines().map(str::trim).map(|line| if line == "." { "" } else { line });
    lines.skip_while(|line| line.is_empty()).map(|line| format!("{line}\n")).collect::<String>().into_bytes()
}

/// The keyrings that apt trusts where a source names none.
fn trusted_by_apt(etc: &Path) -> Vec<PathBuf> {
    let listing = fs::read_dir(etc.join("trusted.gpg.d")).into_iter().flatten().flatten();
    let parts = listing.map(|entry| entry.path());
    let parts = parts.filter(|path| path.extension().is_some_and(|name| name == "gpg" || name == "asc"));
    parts.chain([etc.join("trusted.gpg")]).collect()
}
