//! A machine with a port, and a client that sends packets to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::common::vhart;

/// A machine with a port for debuggers.
pub struct Debugged {
    process: Child,
    errors: BufReader<std::process::ChildStderr>,
    pub port: u16,
}

impl Debugged {
    pub fn start(way: &[&str], file: &Path, more: &[&str]) -> Debugged {
        let file = file.to_str().unwrap();
        let words = [way, &["--gdb=0", "--timeout", "100s"], more, &[file]].concat();
        let mut process = vhart(&words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("target remote") {
            line.clear();
            assert_ne!(errors.read_line(&mut line).unwrap(), 0, "it ended before there was a port");
        }
        let port = line.trim().rsplit(':').next().unwrap().parse().unwrap();
        Debugged { process, errors, port }
    }

    pub fn client(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut client = Client { stream };
        assert!(client.ask("qSupported:multiprocess+;swbreak+;hwbreak+").contains("qXfer:threads:read+"));
        assert_eq!(client.ask("QStartNoAckMode"), "OK");
        client
    }

    /// The exit status, and what was said since.
    pub fn end(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.errors.read_to_string(&mut said).unwrap();
        (self.process.wait().unwrap().code(), said)
    }
}

impl Drop for Debugged {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub struct Client {
    pub stream: TcpStream,
}

impl Client {
    pub fn send(&mut self, packet: &str) {
        let sum = packet.bytes().fold(0u8, u8::wrapping_add);
        self.stream.write_all(format!("${packet}#{sum:02x}").as_bytes()).unwrap();
    }

    pub fn byte(&mut self) -> u8 {
        let mut byte = [0];
        self.stream.read_exact(&mut byte).unwrap();
        byte[0]
    }

    /// The next packet, without acknowledgements.
    pub fn reply(&mut self) -> String {
        while self.byte() != b'$' {}
        let mut packet = Vec::new();
        loop {
            match self.byte() {
                b'#' => break,
                byte => packet.push(byte),
            }
        }
        let _checksum = [self.byte(), self.byte()];
        String::from_utf8(packet).unwrap()
    }

    pub fn ask(&mut self, packet: &str) -> String {
        self.send(packet);
        self.reply()
    }

    pub fn register(&mut self, number: usize) -> u64 {
        let digits = self.ask(&format!("p{number:x}"));
        u64::from_str_radix(&digits, 16).unwrap_or_else(|_| panic!("register {number}: {digits}")).swap_bytes()
    }

    pub fn pc(&mut self) -> u64 {
        self.register(32)
    }

    pub fn memory(&mut self, address: u64) -> u64 {
        let digits = self.ask(&format!("m{address:x},8"));
        u64::from_str_radix(&digits, 16).unwrap_or_else(|_| panic!("{address:#x}: {digits}")).swap_bytes()
    }

    /// Lets the machine go on, until it stops.
    pub fn go(&mut self) -> String {
        self.ask("vCont;c")
    }

    pub fn step(&mut self) {
        assert!(self.ask("vCont;s:p1.1;c").starts_with("T05"));
    }

    /// What a command of `monitor` says.
    pub fn monitor(&mut self, command: &str) -> String {
        let digits: String = command.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.send(&format!("qRcmd,{digits}"));
        let mut said = String::new();
        loop {
            let reply = self.reply();
            if reply == "OK" {
                return said;
            }
            said += &text(reply.strip_prefix('O').unwrap());
        }
    }
}

/// What hexadecimal digits say.
pub fn text(digits: &str) -> String {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    String::from_utf8((0..digits.len()).step_by(2).map(byte).collect()).unwrap()
}
