//! The lines of standard input in which a word stands, as `grep -F` finds them: a link of a pipe in a shell.
//!
//! ```text
//! journalctl -f | cargo run -p exeunt-pipeline --example matching -- error | head -1
//! ```
//!
//! It ends with its input, with a signal, or when nobody reads its output any more, and says so in its status. While
//! nothing comes it has no line left to notice a closed output with; with the next one that matches it does.

use exeunt_pipeline::{Error, Lines, Outcome, Output, Pipeline};

fn main() -> Result<Outcome, Error> {
    let word = std::env::args().nth(1).unwrap_or_default();
    Pipeline::new("matching")
        .source("lines", Lines::stdin().lossy())
        .filter("matching", move |line| line.contains(&word))
        .sink("print", Output::stdout())
        .run()
}
