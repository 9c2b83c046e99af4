//! What comes from an archive's server, true or not, and the system's settings for it.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use images::fuzzing::{self, Web};

use super::{Target, files};

pub const RELEASE: Target = Target {
    name: "release",
    what: "Release files and their signatures",
    run: |input| release(&String::from_utf8_lossy(input)),
    seeds: releases,
};

pub const INDEX: Target = Target {
    name: "index",
    what: "package indexes, and what packages need of each other",
    run: |input| index(&String::from_utf8_lossy(input)),
    seeds: indexes,
};

pub const HTTP: Target =
    Target { name: "http", what: "a server's answers: redirects, ranges, chunks", run: http, seeds: answers };

pub const SETTINGS: Target = Target {
    name: "settings",
    what: "apt's settings: proxies and passwords",
    run: |input| settings(&String::from_utf8_lossy(input)),
    seeds: configurations,
};

/// The file whose sum is asked for.
const FILE: &str = "main/binary-riscv64/Packages.xz";
/// The package whose needs are asked for.
const PACKAGE: &str = "app";

fn release(text: &str) {
    if let Some((words, sum)) = fuzzing::release(text, FILE) {
        assert!(files::one_line(&words), "{words:?}");
        assert!(sum.is_none_or(|(sum, _)| is_sum(&sum)), "a sum that is none");
    }
    let (text, signature) = text.split_once("\n\n\n").unwrap_or((text, text));
    let whys = fuzzing::is_trusted(text, signature.as_bytes()).expect_err("nobody has signed that");
    assert!(whys.iter().all(|why| files::one_line(why)), "{whys:?}");
}

fn index(text: &str) {
    let (all, needed) = fuzzing::index(text, PACKAGE);
    for (name, path, sum, _) in all.iter().chain(needed.iter().flatten()) {
        assert!(files::one_line(name) && text.contains(path), "{name:?} at {path:?}");
        assert!(!path.contains(char::is_whitespace) && is_sum(sum), "{path:?} has the sum {sum:?}");
    }
    let mut needed = needed.unwrap_or_default();
    let len = needed.len();
    needed.sort();
    needed.dedup();
    assert!(needed.len() == len && needed.iter().all(|package| all.contains(package)), "{needed:?}");
}

fn is_sum(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// More than this nobody reads of an answer here.
const MOST_BYTES: u64 = 1 << 16;

/// The first byte says what is asked for; behind it stand the answers, with a zero between them.
fn http(input: &[u8]) {
    let Some((&from, answers)) = input.split_first() else { return };
    let from = u64::from(from & 7);
    SERVER.with(|server| {
        *server.answers() = answers.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        match server.web.get("http://archive.invalid/debian/file", from, MOST_BYTES) {
            Ok((start, kind, bytes)) => {
                assert!(start == 0 || start == from, "{start} instead of {from}");
                assert!(bytes.len() as u64 <= MOST_BYTES && files::one_line(&kind), "{kind:?}");
            }
            Err(why) => assert!(files::one_line(&why), "{why:?}"),
        }
    });
}

thread_local! {
    static SERVER: Server = Server::start();
}

/// A proxy of this process: it gives the next answer to whoever asks, whatever for.
struct Server {
    web: Web,
    answers: Arc<Mutex<VecDeque<Vec<u8>>>>,
}

impl Server {
    /// Starts it; it ends with the process.
    fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the host has a port left");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        let answers = Arc::<Mutex<VecDeque<Vec<u8>>>>::default();
        let next = answers.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = next.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                serve(stream, &answer.unwrap_or_default());
            }
        });
        Server { web: Web::through(&address), answers }
    }

    fn answers(&self) -> MutexGuard<'_, VecDeque<Vec<u8>>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a request and gives `answer`. Whoever asks may be gone.
fn serve(mut stream: TcpStream, answer: &[u8]) {
    let (mut request, mut bytes) = (Vec::new(), [0; 4096]);
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut bytes) {
            Ok(len) if len > 0 => request.extend_from_slice(&bytes[..len]),
            _ => return,
        }
    }
    let _ = stream.write_all(answer).and_then(|()| stream.shutdown(Shutdown::Write));
}

/// Whom the settings are asked for.
const HOST: &str = "deb.example";

fn settings(text: &str) {
    let names = ["apt.conf", "apt.conf.d/proxy", "auth.conf", "auth.conf.d/own.conf"];
    let etc = files::tree(&names, text.as_bytes());
    for address in ["https://deb.example/debian/x", "http://deb.example:8080/x"] {
        if let Some(proxy) = fuzzing::proxy(&etc, address) {
            assert!(text.contains(&proxy), "{proxy:?} is no proxy in {text:?}");
        }
        if let Some((user, password)) = fuzzing::credentials(&etc, address) {
            let found = [HOST, "login", "password", &user, &password].iter().all(|word| text.contains(word));
            assert!(found, "{user:?} and {password:?} are for somebody else in {text:?}");
        }
    }
}

fn releases() -> Vec<Vec<u8>> {
    let sum = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let text = format!(
        "Origin: Debian\nSuite: testing\nCodename: forky\nDate: Fri, 30 Oct 2026 08:08:01 UTC\n\
         Valid-Until: Fri, 06 Nov 2026 08:08:01 UTC\nAcquire-By-Hash: yes\nArchitectures: all riscv64\n\
         SHA256:\n {sum} 5 {FILE}\n {sum} 18446744073709551615 main/x\n"
    );
    // A signature (RFC 9580, section 5.2.3): version 4, of a text, EdDSA, SHA-256; made by one of Debian's keys, it
    // says.
    let signature = "-----BEGIN PGP SIGNATURE-----\n\nwnUEARYIAB0WIQQAAAAAAAAAAAAAAAAAAAAAAAAAAAUCZQAAAAAKCRAAAAAAAAAA\n\
                     AAAAAQEAAA==\n=AAAA\n-----END PGP SIGNATURE-----\n";
    let signed = format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{text}{signature}");
    vec![text.clone().into_bytes(), signed.into_bytes(), format!("{text}\n\n\n{signature}").into_bytes()]
}

fn indexes() -> Vec<Vec<u8>> {
    let package = |name: &str, more: &str| {
        let sum = "ab".repeat(32);
        format!("Package: {name}\nVersion: 1-1\nFilename: pool/{name}.deb\nSize: 7\nSHA256: {sum}\n{more}\n")
    };
    let needs = package(PACKAGE, "Depends: lib (>= 1) | other, tool:any, part (= 1-1)\nInstalled-Size: 2\n");
    let others = package("lib", "Pre-Depends: part\nProvides: tool (= 2), x\n") + &package("part", "");
    vec![(needs.clone() + &others).into_bytes(), needs.into_bytes()]
}

fn answers() -> Vec<Vec<u8>> {
    let whole = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
    let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let range = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-9/10\r\nContent-Length: 5\r\n\r\nhello";
    let moved = "HTTP/1.1 302 Found\r\nLocation: /debian/other\r\nContent-Length: 0\r\n\r\n";
    let secure = "HTTP/1.1 301 Moved\r\nLocation: https://archive.invalid/x\r\n\r\n";
    let refused = "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
    let endless = "HTTP/1.0 200 OK\r\n\r\nuntil the end";
    let connected = format!("{secure}\0HTTP/1.1 200 Connected\r\n\r\nno TLS");
    [
        format!("\0{whole}"),
        format!("\0{chunks}"),
        format!("\x05{range}"),
        format!("\0{moved}\0{moved}\0{whole}"),
        format!("\0{connected}"),
        format!("\0{secure}\0{refused}"),
        format!("\x01{endless}"),
    ]
    .map(String::into_bytes)
    .to_vec()
}

fn configurations() -> Vec<Vec<u8>> {
    let texts = [
        "Acquire { http { Proxy \"http://p.example:3128\"; }; };\nAcquire::http::Proxy::deb.example \"DIRECT\";\n",
        "machine deb.example/debian login me password secret\n# machine x login y password z\n\
         machine http://deb.example:8080 login you\n password word\n",
        "/* long\n */ Acquire::https::Proxy \"socks5h://p.example\"; // end\n",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}
