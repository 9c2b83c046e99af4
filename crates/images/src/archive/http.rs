//! Gets files over HTTP and HTTPS, through the system's proxies.
//!
//! Redirects are followed here, a few at most, so that each step goes by its own proxy and a message can name the
//! address that failed. A plain address goes to a proxy as a whole (RFC 9112, section 3.2.2), as apt asks for it:
//! proxies commonly allow CONNECT to the ports of HTTPS alone. What is got is checked by signature and sums, so plain
//! HTTP is as good.

mod whole;

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use ureq::config::Config;
use ureq::http::{Response, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::transport::{Connector, TcpConnector};
use ureq::{Agent, Body, Proxy};

use self::whole::{ToProxy, Whole};
use super::settings::Settings;

/// Redirects in a row.
const REDIRECTS: usize = 8;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a server may say nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// Who asks.
const NAME: &str = concat!("vhart/", env!("CARGO_PKG_VERSION"));

/// Why a file cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The server has no such file.
    Missing,
    /// It may work when tried again.
    Passing(String),
    /// It will not.
    Lasting(String),
}

/// A server's answer: the file, or what is left of it.
pub(crate) struct Answer {
    /// Where in the file the body starts.
    pub(crate) start: u64,
    /// The length of the whole file, if it is said.
    pub(crate) len_bytes: Option<u64>,
    /// What kind of file the server says it is.
    pub(crate) kind: String,
    /// Its bytes.
    pub(crate) body: Box<dyn Read + Send>,
}

/// Asks servers.
pub(crate) struct Client {
    settings: Settings,
    plain: Agent,
    secure: OnceLock<Result<Agent, String>>,
    /// Those that ask a proxy, by its address.
    proxied: Mutex<HashMap<String, Agent>>,
}

/// How a request gets to its server.
enum Route {
    Direct,
    /// A proxy that is asked for the whole address.
    Whole(Uri),
    /// A proxy that connects, and looks no further.
    Tunnel(Proxy),
}

impl Client {
    /// Goes by `settings`.
    pub(crate) fn new(settings: Settings) -> Client {
        Client { settings, plain: agent(None), secure: OnceLock::new(), proxied: Mutex::default() }
    }

    /// Asks for the file at `address`, from the byte `from` on if the server can.
    pub(crate) fn get(&self, address: &str, from: u64) -> Result<Answer, Failure> {
        let mut address = parse(address)?;
        for _ in 0..=REDIRECTS {
            let route = self.route(&address)?;
            let response = self.ask(&address, &route, from)?;
            match response.headers().get("location") {
                Some(place) if response.status().is_redirection() => {
                    let place = place.to_str().map_err(|_| Failure::Lasting(format!("{address} redirects nowhere")))?;
                    address = follow(&address, place)?;
                }
                _ => return answer(&asked(&address, &route), response, from),
            }
        }
        Err(Failure::Lasting(format!("more than {REDIRECTS} redirects, the last to {address}")))
    }

    fn ask(&self, address: &Uri, route: &Route, from: u64) -> Result<Response<Body>, Failure> {
        let agent = match route {
            Route::Whole(proxy) => self.proxied(proxy)?,
            Route::Direct | Route::Tunnel(_) => self.agent(address)?.clone(),
        };
        let mut request = agent.get(without_user(address)?);
        if let Route::Tunnel(proxy) = route {
            request = request.config().proxy(Some(proxy.clone())).build();
        }
        if let Some(words) = user_of(address).or_else(|| self.settings.credentials(address)) {
            request = request.header("Authorization", basic(&words));
        }
        if let Route::Whole(proxy) = route
            && let Some(words) = user_of(proxy)
        {
            request = request.header("Proxy-Authorization", basic(&words));
        }
        if from > 0 {
            request = request.header("Range", format!("bytes={from}-"));
        }
        request.call().map_err(|why| explain(why, &asked(address, route)))
    }

    fn route(&self, address: &Uri) -> Result<Route, Failure> {
        let Some(text) = self.settings.proxy(address) else { return Ok(Route::Direct) };
        let text = if text.contains("://") { text } else { format!("http://{text}") };
        let wrong = || Failure::Lasting(format!("the proxy {text} of this system's settings is no address"));
        if text.starts_with("http://") && address.scheme_str() == Some("http") {
            return text.parse().map(Route::Whole).map_err(|_| wrong());
        }
        Proxy::new(&text).map(Route::Tunnel).map_err(|_| wrong())
    }

    fn proxied(&self, proxy: &Uri) -> Result<Agent, Failure> {
        let proxy = without_user(proxy)?;
        let mut agents = self.proxied.lock().unwrap_or_else(PoisonError::into_inner);
        let connector = || ().chain(TcpConnector::default()).chain(Whole);
        let new = || Agent::with_parts(config(None), connector(), ToProxy::new(&proxy));
        Ok(agents.entry(proxy.to_string()).or_insert_with(new).clone())
    }

    fn agent(&self, address: &Uri) -> Result<&Agent, Failure> {
        if address.scheme_str() != Some("https") {
            return Ok(&self.plain);
        }
        let secure = self.secure.get_or_init(|| Ok(agent(Some(tls()?))));
        secure.as_ref().map_err(|why| Failure::Lasting(format!("{address} cannot be asked over TLS: {why}")))
    }
}

fn agent(tls: Option<TlsConfig>) -> Agent {
    config(tls).new_agent()
}

fn config(tls: Option<TlsConfig>) -> Config {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent(NAME)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_per_read(Some(SILENCE))
        .timeout_per_write(Some(SILENCE));
    match tls {
        Some(tls) => config.tls_config(tls).build(),
        None => config.build(),
    }
}

/// TLS with the certificates that this system trusts.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn tls() -> Result<TlsConfig, String> {
    if !processor_will_do() {
        return Err("this processor lacks instructions for it; take an archive that starts with http://".to_owned());
    }
    let provider = Arc::new(rustls_graviola::default_provider());
    let config = TlsConfig::builder().root_certs(RootCerts::from(certificates()?.into_iter()));
    Ok(config.unversioned_rustls_crypto_provider(provider).build())
}

/// Whom this system trusts.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn certificates() -> Result<Vec<Certificate<'static>>, String> {
    let found = rustls_native_certs::load_native_certs().certs;
    if found.is_empty() {
        let what =
            "this system has no certificates (package ca-certificates); take an archive that starts with http://";
        return Err(what.to_owned());
    }
    Ok(found.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect())
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn tls() -> Result<TlsConfig, String> {
    Err("this build has none; take an archive that starts with http://".to_owned())
}

/// Whether the cryptography can run here: it would panic where it cannot.
#[cfg(target_arch = "x86_64")]
fn processor_will_do() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("adx") && has!("aes") && has!("avx") && has!("avx2") && has!("bmi1") && has!("bmi2") && has!("pclmulqdq")
}

/// Whether the cryptography can run here: it would panic where it cannot.
#[cfg(target_arch = "aarch64")]
fn processor_will_do() -> bool {
    use std::arch::is_aarch64_feature_detected as has;
    has!("aes") && has!("neon") && has!("pmull") && has!("sha2")
}

fn parse(address: &str) -> Result<Uri, Failure> {
    let wrong = || Failure::Lasting(format!("{address} is no address that starts with http:// or https://"));
    let uri: Uri = address.parse().map_err(|_| wrong())?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    if known && uri.host().is_some_and(|host| !host.is_empty()) { Ok(uri) } else { Err(wrong()) }
}

/// Where a redirect from `address` to `place` leads.
fn follow(address: &Uri, place: &str) -> Result<Uri, Failure> {
    let (scheme, authority) = (address.scheme_str().unwrap_or("http"), address.authority().map_or("", |a| a.as_str()));
    let directory = address.path().rsplit_once('/').map_or("", |(directory, _)| directory);
    let whole = match place {
        _ if place.contains("://") => place.to_owned(),
        _ if place.starts_with("//") => format!("{scheme}:{place}"),
        _ if place.starts_with('/') => format!("{scheme}://{authority}{place}"),
        _ => format!("{scheme}://{authority}{directory}/{place}"),
    };
    let to = parse(&whole)?;
    if scheme == "https" && to.scheme_str() == Some("http") {
        return Err(Failure::Lasting(format!("{address} redirects from https to {to}")));
    }
    Ok(to)
}

/// What follows "user:password@" in an authority.
fn after_user(authority: &str) -> &str {
    authority.rsplit('@').next().unwrap_or(authority)
}

fn without_user(address: &Uri) -> Result<Uri, Failure> {
    let mut parts = address.clone().into_parts();
    let bare = parts.authority.as_ref().and_then(|authority| after_user(authority.as_str()).parse().ok());
    parts.authority = bare;
    Uri::from_parts(parts).map_err(|_| Failure::Lasting(format!("{} is no address", shown(address))))
}

/// An address without password, for messages.
fn shown(address: &Uri) -> String {
    let text = address.to_string();
    match user_of(address) {
        Some((_, password)) if !password.is_empty() => text.replacen(&format!(":{password}@"), "@", 1),
        _ => text,
    }
}

/// User and password in an address.
fn user_of(address: &Uri) -> Option<(String, String)> {
    let (words, _) = address.authority()?.as_str().rsplit_once('@')?;
    let (user, password) = words.split_once(':').unwrap_or((words, ""));
    Some((user.to_owned(), password.to_owned()))
}

/// The value of an `Authorization` header (RFC 7617).
fn basic((user, password): &(String, String)) -> String {
    use base64::Engine;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

/// What was asked, and through whom, for messages.
fn asked(address: &Uri, route: &Route) -> String {
    let by = match route {
        Route::Direct => String::new(),
        Route::Whole(proxy) => format!(" through the proxy {}", shown(proxy)),
        Route::Tunnel(proxy) => format!(" through the proxy {}", shown(proxy.uri())),
    };
    format!("{}{by}", shown(address))
}

/// What the server's `response` to what was asked means.
fn answer(asked: &str, response: Response<Body>, from: u64) -> Result<Answer, Failure> {
    let status = response.status();
    let said = || format!("{asked} answered {status}");
    match status.as_u16() {
        200 => {
            let len_bytes = response.body().content_length();
            Ok(Answer {
                start: 0,
                len_bytes,
                kind: kind(&response),
                body: Box::new(response.into_body().into_reader()),
            })
        }
        206 => {
            let (start, len_bytes) = content_range(&response).unwrap_or((from, None));
            if start != from {
                return Err(Failure::Passing(format!("{asked} sent other bytes than those asked for")));
            }
            Ok(Answer { start, len_bytes, kind: kind(&response), body: Box::new(response.into_body().into_reader()) })
        }
        404 | 410 => Err(Failure::Missing),
        401 => Err(Failure::Lasting(said() + ": it wants a password (in apt's auth.conf)")),
        407 => Err(Failure::Lasting(said() + ": the proxy wants a password")),
        408 | 429 | 500.. => Err(Failure::Passing(said())),
        _ => Err(Failure::Lasting(said())),
    }
}

fn kind(response: &Response<Body>) -> String {
    response.body().mime_type().filter(|kind| !kind.is_empty()).unwrap_or("a file").to_owned()
}

/// First byte and whole length in "bytes 5-9/10".
fn content_range(response: &Response<Body>) -> Option<(u64, Option<u64>)> {
    let value = response.headers().get("content-range")?.to_str().ok()?;
    let (range, len) = value.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.trim().parse().ok()?, len.trim().parse().ok()))
}

/// How the standard library begins to say that a name has no address; what follows is the C library's and differs.
const NO_ADDRESS: &str = "failed to lookup address information";

/// How rustls, whose errors come as I/O errors in the middle of a handshake, begins to speak of a certificate.
const NO_TRUST: &str = "invalid peer certificate";

/// How rustls begins to speak of an answer that is not TLS.
const NO_TLS: &str = "received corrupt message";

fn explain_io(why: &std::io::Error, place: &str) -> Failure {
    let text = why.to_string();
    if text.starts_with(NO_TLS) {
        return Failure::Lasting(format!("{place} does not answer as https does (is it at http://?)"));
    }
    if text.starts_with(NO_ADDRESS) {
        return unresolved(place);
    }
    if text.starts_with(NO_TRUST) {
        let now = Timestamp::now();
        return Failure::Lasting(format!(
            "{place}: {text} (this machine's clock says {now:.0}; SSL_CERT_FILE names a file of other authorities to trust)"
        ));
    }
    Failure::Passing(format!("{place}: {}", text.split(" (os error").next().unwrap_or(&text)))
}

fn unresolved(place: &str) -> Failure {
    Failure::Passing(format!("{place}: the server's name cannot be resolved (is there a network?)"))
}

/// Why a request got no answer.
fn explain(why: ureq::Error, place: &str) -> Failure {
    match why {
        ureq::Error::HostNotFound => unresolved(place),
        ureq::Error::Io(why) => explain_io(&why, place),
        ureq::Error::ConnectProxyFailed(said) => {
            Failure::Lasting(format!("{place}: the proxy refuses: {}", said.trim()))
        }
        ureq::Error::Rustls(why) => {
            Failure::Lasting(format!("{place}: {why} (this machine's clock says {:.0})", Timestamp::now()))
        }
        ureq::Error::Tls(_) | ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::InvalidProxyUrl => {
            Failure::Lasting(format!("{place}: {why}"))
        }
        other => Failure::Passing(format!("{place}: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn redirects_may_be_whole_or_relative_but_not_less_secure() {
        let from = uri("http://a.example/x/y?z");
        for (place, to) in [
            ("https://b.example/z", "https://b.example/z"),
            ("//b.example/z", "http://b.example/z"),
            ("/z", "http://a.example/z"),
            ("z", "http://a.example/x/z"),
        ] {
            assert_eq!(follow(&from, place).unwrap().to_string(), to);
        }
        assert!(follow(&uri("https://a.example/"), "http://a.example/").is_err());
        assert!(follow(&from, "file:///etc/passwd").is_err());
    }

    #[test]
    fn passwords_are_for_the_server_alone() {
        let address = uri("http://me:secret@a.example:8080/x");
        assert_eq!(without_user(&address).unwrap().to_string(), "http://a.example:8080/x");
        assert_eq!(shown(&address), "http://me@a.example:8080/x");
        // RFC 7617, section 2
        assert_eq!(basic(&("Aladdin".to_owned(), "open sesame".to_owned())), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }

    #[test]
    fn a_name_without_an_address_is_said_in_our_words() {
        // RFC 2606 reserves the domain: it never resolves, with a network or without.
        let asked = Client::new(Settings::default()).get("http://archive.invalid/x", 0);
        let Err(Failure::Passing(why)) = asked else { panic!("an answer") };
        assert_eq!(why, "http://archive.invalid/x: the server's name cannot be resolved (is there a network?)");
    }

    #[test]
    fn a_certificate_that_is_not_trusted_is_not_asked_for_again() {
        let why = explain_io(&std::io::Error::other("invalid peer certificate: UnknownIssuer"), "https://a.example/");
        assert!(matches!(why, Failure::Lasting(text) if text.contains("SSL_CERT_FILE") && text.contains("clock")));
        let why = explain_io(&std::io::Error::from_raw_os_error(104), "http://a.example/");
        assert!(matches!(why, Failure::Passing(text) if !text.contains("os error")));
    }

    #[test]
    fn what_is_no_address_is_said_so() {
        for text in ["file:///x", "debian", "http://", "ftp://x/y", "http:// x"] {
            assert!(matches!(parse(text), Err(Failure::Lasting(_))), "{text}");
        }
    }
}
