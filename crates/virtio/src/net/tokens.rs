//! Tokens, by which a poll tells its sockets apart.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mio::Token;

/// Hands out tokens that nobody else has.
#[derive(Clone)]
pub struct Tokens(Arc<AtomicUsize>);

impl Tokens {
    /// Those behind `first`.
    pub fn behind(first: Token) -> Tokens {
        Tokens(Arc::new(AtomicUsize::new(first.0 + 1)))
    }

    /// The next.
    pub fn next(&self) -> Token {
        Token(self.0.fetch_add(1, Ordering::Relaxed))
    }
}
