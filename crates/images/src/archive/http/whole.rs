//! Asks a proxy for whole addresses (RFC 9112, section 3.2.2, "absolute-form").
//!
//! `ureq` knows proxies by CONNECT alone. So a connection here goes to the proxy's address whatever server is meant,
//! and what is sent over it has the server's name put before the path of each request.

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// What precedes the path in a request: nothing here asks for anything but files.
const METHOD: &[u8] = b"GET /";

/// Finds the proxy in place of the server.
#[derive(Debug)]
pub(super) struct ToProxy {
    proxy: Uri,
    inner: DefaultResolver,
}

impl ToProxy {
    pub(super) fn new(proxy: &Uri) -> ToProxy {
        ToProxy { proxy: proxy.clone(), inner: DefaultResolver::default() }
    }
}

impl Resolver for ToProxy {
    fn resolve(&self, _server: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        self.inner.resolve(&self.proxy, config, timeout)
    }
}

/// Takes over connections to the proxy.
#[derive(Debug)]
pub(super) struct Whole;

impl<In: Transport> Connector<In> for Whole {
    type Out = WholeTransport<In>;

    fn connect(&self, details: &ConnectionDetails, inner: Option<In>) -> Result<Option<WholeTransport<In>>, Error> {
        let server = details.uri.authority().map_or("", |authority| authority.as_str());
        let start = format!("GET http://{server}/").into_bytes();
        Ok(inner.map(|inner| WholeTransport { inner, start }))
    }
}

/// A connection to the proxy on behalf of one server.
#[derive(Debug)]
pub(super) struct WholeTransport<In> {
    inner: In,
    /// What a request begins with.
    start: Vec<u8>,
}

impl<In: Transport> Transport for WholeTransport<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let output = self.inner.buffers().output();
        let more = self.start.len() - METHOD.len();
        let longer = amount + more;
        if output[..amount].starts_with(METHOD) && longer <= output.len() {
            output.copy_within(METHOD.len()..amount, self.start.len());
            output[..self.start.len()].copy_from_slice(&self.start);
            return self.inner.transmit_output(longer, timeout);
        }
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }
}
