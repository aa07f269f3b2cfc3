//! Actors of one's own under chaos: a shop whose till has to hold every cent that was paid.
//!
//! ```text
//! cargo run -p exeunt-chaos --example own_actors
//! ```
//!
//! It is both programs in one: started by hand it is the parent, which starts itself as the child. On Unix, but OpenBSD.

#[cfg(all(unix, not(target_os = "openbsd")))]
mod shop;

#[cfg(all(unix, not(target_os = "openbsd")))]
fn main() -> Result<exeunt::Exit, Box<dyn std::error::Error>> {
    shop::main()
}

#[cfg(not(all(unix, not(target_os = "openbsd"))))]
fn main() {
    eprintln!("own_actors: there are no signals here");
}
