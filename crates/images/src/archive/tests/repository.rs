//! A small signed repository, made in the test.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, DetachedSignature, KeyType, SecretKeyParamsBuilder, SignedSecretKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::types::{Password, Timestamp};

use crate::hash::hex_sha256;

/// The name under which the suite lies.
pub(crate) const SUITE: &str = "stable";

/// How the Release file is signed.
#[derive(Clone, Copy)]
enum Signing {
    Inside,
    Beside,
    Not,
}

/// What is to be served.
pub(crate) struct Repository {
    packages: Vec<(String, Vec<u8>)>,
    architecture: String,
    dates: String,
    suites: Vec<String>,
    signing: Signing,
    key: SignedSecretKey,
}

fn key(created: SystemTime) -> SignedSecretKey {
    let mut builder = SecretKeyParamsBuilder::default();
    builder.key_type(KeyType::Ed25519Legacy).can_certify(true).can_sign(true);
    builder.created_at(Timestamp::try_from(created).unwrap()).primary_user_id("Test <test@example>".into());
    builder.build().unwrap().generate(rand::thread_rng()).unwrap()
}

/// The key of all tests, which one keyring therefore serves.
fn usual_key() -> SignedSecretKey {
    static KEY: OnceLock<SignedSecretKey> = OnceLock::new();
    KEY.get_or_init(|| key(SystemTime::now() - Duration::from_secs(3600))).clone()
}

impl Repository {
    pub(crate) fn new() -> Repository {
        Repository {
            packages: Vec::new(),
            architecture: "riscv64".to_owned(),
            dates: "Date: Thu, 01 Jan 2026 00:00:00 UTC\n".to_owned(),
            suites: vec![SUITE.to_owned()],
            signing: Signing::Inside,
            key: usual_key(),
        }
    }

    pub(crate) fn package(mut self, name: &str, content: &[u8]) -> Repository {
        self.packages.push((name.to_owned(), content.to_vec()));
        self
    }

    pub(crate) fn architecture(self, name: &str) -> Repository {
        Repository { architecture: name.to_owned(), ..self }
    }

    pub(crate) fn dated(self, date: &str, until: Option<&str>) -> Repository {
        let until = until.map(|until| format!("Valid-Until: {until}\n")).unwrap_or_default();
        Repository { dates: format!("Date: {date}\n{until}"), ..self }
    }

    pub(crate) fn also_at(mut self, suite: &str) -> Repository {
        self.suites.push(suite.to_owned());
        self
    }

    pub(crate) fn detached(self) -> Repository {
        Repository { signing: Signing::Beside, ..self }
    }

    pub(crate) fn unsigned(self) -> Repository {
        Repository { signing: Signing::Not, ..self }
    }

    pub(crate) fn key_of_tomorrow(self) -> Repository {
        Repository { key: key(SystemTime::now() + Duration::from_secs(86_400)), ..self }
    }

    /// The keyring.
    pub(crate) fn keys(&self) -> String {
        self.key.to_public_key().to_armored_string(ArmorOptions::default()).unwrap()
    }

    /// All files by their paths.
    pub(crate) fn files(&self) -> HashMap<String, Vec<u8>> {
        let mut files = HashMap::new();
        let mut index = String::new();
        for (name, content) in &self.packages {
            index += &format!(
                "Package: {name}\nVersion: 1\nFilename: pool/{name}.deb\nSize: {}\nSHA256: {}\n\n",
                content.len(),
                hex_sha256(&[content])
            );
            files.insert(format!("/pool/{name}.deb"), content.clone());
        }
        let index = xz(index.as_bytes());
        let sum = hex_sha256(&[&index]);
        let directory = format!("main/binary-{}", self.architecture);
        let release = self.release(&directory, &sum, index.len());
        for suite in &self.suites {
            let base = format!("/dists/{suite}");
            files.insert(format!("{base}/{directory}/Packages.xz"), index.clone());
            files.insert(format!("{base}/{directory}/by-hash/SHA256/{sum}"), index.clone());
            self.sign(&base, &release, &mut files);
        }
        files
    }

    fn release(&self, directory: &str, sum: &str, len: usize) -> String {
        let (dates, architecture) = (&self.dates, &self.architecture);
        format!(
            "Origin: Test\nSuite: stable\nCodename: codename\n{dates}Acquire-By-Hash: yes\nArchitectures: {architecture}\n\
             Components: main\nSHA256:\n {sum} {len} {directory}/Packages.xz\n"
        )
    }

    fn sign(&self, base: &str, release: &str, files: &mut HashMap<String, Vec<u8>>) {
        let (key, none) = (&self.key.primary_key, Password::empty());
        let random = rand::thread_rng();
        match self.signing {
            Signing::Inside => {
                let message = CleartextSignedMessage::sign(random, release, key, &none).unwrap();
                let text = message.to_armored_string(ArmorOptions::default()).unwrap();
                files.insert(format!("{base}/InRelease"), text.into_bytes());
            }
            Signing::Beside => {
                let sum = HashAlgorithm::Sha512;
                let made = DetachedSignature::sign_binary_data(random, key, &none, sum, release.as_bytes()).unwrap();
                files.insert(format!("{base}/Release.gpg"), made.to_armored_bytes(ArmorOptions::default()).unwrap());
                files.insert(format!("{base}/Release"), release.as_bytes().to_vec());
            }
            Signing::Not => drop(files.insert(format!("{base}/Release"), release.as_bytes().to_vec())),
        }
    }
}

fn xz(data: &[u8]) -> Vec<u8> {
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0)).unwrap();
    std::io::Write::write_all(&mut encoder, data).unwrap();
    encoder.finish().unwrap()
}
