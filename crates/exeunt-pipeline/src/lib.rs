//! Typed pipelines on threads that lose nothing.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]
