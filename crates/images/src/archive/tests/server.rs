//! An HTTP/1.1 server that says what a test tells it to.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The path, or for a proxy the whole address.
    pub(crate) path: String,
    /// What follows a question mark.
    pub(crate) query: Option<String>,
    /// The first byte that is wanted.
    pub(crate) from: u64,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    head: String,
    body: Vec<u8>,
    cut: usize,
}

/// A server on a port of its own, for as long as the test runs.
pub(crate) struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) fn start(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (reply, log) = (Arc::new(reply), asked.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(std::result::Result::ok) {
                let (reply, log) = (reply.clone(), log.clone());
                thread::spawn(move || serve(stream, &*reply, &log));
            }
        });
        Server { port, asked }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Requests for paths with this end.
    pub(crate) fn asked(&self, end: &str) -> Vec<Request> {
        self.asked.lock().unwrap().iter().filter(|request| request.path.ends_with(end)).cloned().collect()
    }
}

/// Serves one connection to its end.
fn serve(stream: TcpStream, reply: &dyn Fn(&Request) -> Reply, log: &Mutex<Vec<Request>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let request = Request::read(&mut reader)?;
        log.lock().unwrap().push(request.clone());
        let reply = reply(&request);
        let mut stream = &stream;
        stream.write_all(reply.head.as_bytes()).ok()?;
        stream.write_all(&reply.body[..reply.body.len().min(reply.cut)]).ok()?;
        if reply.cut < reply.body.len() {
            return None;
        }
    }
}

impl Request {
    fn read(reader: &mut impl BufRead) -> Option<Request> {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let target = line.split(' ').nth(1)?.to_owned();
        let (path, query) = target.split_once('?').map_or((target.as_str(), None), |(path, query)| (path, Some(query)));
        let mut request = Request { path: path.to_owned(), query: query.map(str::to_owned), from: 0 };
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let lower = line.to_ascii_lowercase();
            if let Some(range) = lower.trim().strip_prefix("range: bytes=") {
                request.from = range.trim_end_matches('-').parse().ok()?;
            }
            if line.trim().is_empty() {
                return Some(request);
            }
        }
    }
}

impl Reply {
    fn of(status: &str, more: &str, body: &[u8]) -> Reply {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{more}\r\n", body.len());
        Reply { head, body: body.to_vec(), cut: usize::MAX }
    }

    pub(crate) fn status(status: &str) -> Reply {
        Reply::of(status, "", b"")
    }

    pub(crate) fn missing() -> Reply {
        Reply::status("404 Not Found")
    }

    /// The whole file, whatever part was asked for.
    pub(crate) fn whole(file: &[u8]) -> Reply {
        Reply::of("200 OK", "", file)
    }

    /// The part that was asked for.
    pub(crate) fn ranged(request: &Request, file: &[u8]) -> Reply {
        match request.from {
            0 => Reply::whole(file),
            from => {
                let range = format!("Content-Range: bytes {from}-{}/{}\r\n", file.len() - 1, file.len());
                Reply::of("206 Partial Content", &range, &file[from as usize..])
            }
        }
    }

    pub(crate) fn redirect(place: &str) -> Reply {
        Reply::of("302 Found", &format!("Location: {place}\r\n"), b"")
    }

    /// A connection that ends before there is an answer.
    pub(crate) fn broken() -> Reply {
        Reply { head: String::new(), body: vec![0], cut: 0 }
    }

    pub(crate) fn kind(mut self, kind: &str) -> Reply {
        self.head = self.head.replace("Content-Length", &format!("Content-Type: {kind}\r\nContent-Length"));
        self
    }

    /// The connection ends after so many bytes of the body.
    pub(crate) fn cut(mut self, len: usize) -> Reply {
        self.cut = len;
        self
    }
}
