//! M and Zmmul: multiplication and division.
//!
//! Unprivileged architecture, "M Extension for Integer Multiplication and Division"; the corner cases are those of
//! table "Semantics for division by zero and division overflow".
