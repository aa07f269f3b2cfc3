//! [`Output`]: what is written to somebody who reads it: standard output, a pipe, a connection.

use std::fmt;
use std::io::{self, BufWriter, Stdout, Write};

use super::{BUFFER_BYTES, Closed, Sink};
use crate::named::named;

/// Writes to standard output, or to whatever else can be written to; each item is a line.
///
/// It takes whatever is bytes. What was written is flushed whenever nothing more waits, so that the reader has it at once, and
/// a stream that is quick is written in large blocks.
///
/// A reader that has had enough, such as `head`, is no failure: the pipeline ends in order, as with [`Closed`]. It is noticed
/// with the next item that is written. Other errors end it too, and name the output.
///
/// # Examples
///
/// ```
/// use exeunt_pipeline::{Output, Pipeline};
///
/// Pipeline::new("count")
///     .iter("numbers", 1..=3)
///     .map("text", |n| n.to_string())
///     .sink("print", Output::stdout())
///     .run()?;
/// # Ok::<(), exeunt_pipeline::Error>(())
/// ```
pub struct Output<W: Write> {
    name: String,
    writer: BufWriter<W>,
    /// What follows each item.
    end: &'static [u8],
}

impl Output<Stdout> {
    /// Writes to standard output.
    ///
    /// What the program prints meanwhile by other means appears in between, but not within a line.
    #[must_use]
    pub fn stdout() -> Output<Stdout> {
        Output::to("standard output", io::stdout())
    }
}

impl<W: Write> Output<W> {
    /// Writes there. The name is for the errors.
    ///
    /// ```no_run
    /// use std::net::TcpStream;
    /// use exeunt_pipeline::Output;
    ///
    /// let output = Output::to("collector", TcpStream::connect("192.0.2.7:4000")?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn to(name: impl fmt::Display, writer: W) -> Output<W> {
        let writer = BufWriter::with_capacity(BUFFER_BYTES, writer);
        Output { name: name.to_string(), writer, end: b"\n" }
    }

    /// Writes items one after the other, without ends of lines.
    #[must_use]
    pub fn verbatim(self) -> Output<W> {
        Output { end: b"", ..self }
    }

    fn named(&self, error: &io::Error) -> exeunt::Error {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Closed.into(),
            _ => named(&self.name, error).into(),
        }
    }
}

impl<T: AsRef<[u8]>, P, W: Write + Send + 'static> Sink<T, P> for Output<W> {
    fn write(&mut self, item: T) -> exeunt::Result {
        let (writer, end) = (&mut self.writer, self.end);
        let written = writer.write_all(item.as_ref()).and_then(|()| writer.write_all(end));
        written.map_err(|error| self.named(&error))
    }

    fn commit(&mut self, _: Option<&P>) -> exeunt::Result {
        self.writer.flush().map_err(|error| self.named(&error))
    }
}

impl<W: Write> fmt::Debug for Output<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::Pipeline;

    fn numbers_to(
        output: Output<impl Write + Send + 'static>,
    ) -> Result<crate::Outcome, crate::Error> {
        let numbers = Pipeline::new("numbers").iter("numbers", 0..100_000);
        numbers.map("text", |n| n.to_string()).sink("output", output).wait()
    }

    #[test]
    fn a_reader_that_has_had_enough_is_no_failure() {
        let (reader, writer) = UnixStream::pair().unwrap();
        drop(reader);
        let outcome = numbers_to(Output::to("pipe", writer)).unwrap();
        let ledger = outcome.ledger();
        assert!(ledger.balances(), "{ledger}");
        assert_eq!(ledger.stage("output").unwrap().failed, 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_a_failure_that_names_it() {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let error = numbers_to(Output::to("the report", full)).unwrap_err();
        assert!(error.to_string().starts_with("`output` failed: the report: No space"), "{error}");
        let ledger = error.outcome().unwrap().ledger();
        assert!(ledger.balances(), "{ledger}");
        assert_eq!(ledger.stage("output").unwrap().passed, 0);
    }

    #[test]
    fn each_item_is_a_line_and_what_is_there_is_not_held_back() {
        let (jobs, receiver) = crossbeam_channel::unbounded();
        let (reader, writer) = UnixStream::pair().unwrap();
        let pipeline = std::thread::spawn(|| {
            let jobs = crate::Channel::<&str>::new(receiver);
            Pipeline::new("jobs")
                .source("jobs", jobs)
                .sink("output", Output::to("pipe", writer))
                .wait()
        });
        let mut lines = io::BufRead::lines(io::BufReader::new(reader));
        for job in ["one", "two"] {
            jobs.send(job).unwrap();
            assert_eq!(lines.next().unwrap().unwrap(), job);
        }
        drop(jobs);
        assert!(lines.next().is_none());
        pipeline.join().unwrap().unwrap();
    }
}
