//! What is asked for on the command line.

use std::path::PathBuf;

use crate::contender;
use crate::placement::{ALL, Placement};
use crate::workload::Workload;

pub(crate) const HELP: &str = "\
exeunt-bench: what exeunt costs, beside plain crossbeam and its peers, measured in one run

Usage: exeunt-bench [OPTIONS] WORKLOAD...
       exeunt-bench list

  list             the workloads and the contenders
  all              every workload but `ledger`; on all CPUs, apart, on two and on one, unless --cpus or --quick is given
  tell, savina     every workload of that group; any other by its name

  --quick          a few rounds, and small ones: to see that it runs, not to compare
  --only A,B       only these contenders
  --cpus A,B       on so many CPUs, one after the other: 1, 2, all; or, of two threads, each on its own: apart
  --markdown FILE  write the tables there; what FILE has above them is kept
  --svg FILE       draw them there
  --help           print this

It ends with 0 if all was measured and written, with 1 if not, and with 2 if an option is wrong.
";

/// What the command is to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    Help,
    /// Name the workloads and contenders.
    List,
    /// Measure.
    Run(Options),
    /// Measure, in a process that has done nothing else, the memory of so many actors of this
    /// contender. The `spawn` workload starts itself so.
    Memory(String, usize),
    /// Play, in the process of this contender, what is asked for on standard input.
    Play(String),
}

/// What to measure, of whom, and where to write it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Options {
    pub(crate) workloads: Vec<Workload>,
    /// Whether all of them were asked for by that name.
    pub(crate) is_everything: bool,
    pub(crate) only: Option<Vec<String>>,
    pub(crate) quick: bool,
    /// On which CPUs, one after the other, if that was said.
    pub(crate) placements: Vec<Placement>,
    pub(crate) markdown: Option<PathBuf>,
    pub(crate) svg: Option<PathBuf>,
}

impl Options {
    /// On which CPUs, of so many: once and without a choice, unless something else was said.
    pub(crate) fn placements(&self, cpus: usize) -> Vec<Placement> {
        match self.placements.as_slice() {
            [] if self.is_everything && !self.quick => Placement::all(cpus),
            [] => vec![Placement::Free],
            chosen => chosen.to_vec(),
        }
    }

    pub(crate) fn includes(&self, contender: &str) -> bool {
        self.only.as_ref().is_none_or(|names| names.iter().any(|name| name == contender))
    }
}

/// The name of the option behind [`Request::Memory`].
pub(crate) const MEMORY: &str = "--memory-of";

/// The name of the option behind [`Request::Play`].
pub(crate) const PLAY: &str = "--play-as";

pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Request, String> {
    let mut arguments = arguments;
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--help" | "-h" => return Ok(Request::Help),
            "list" => return Ok(Request::List),
            "--quick" => options.quick = true,
            "--markdown" => options.markdown = Some(value()?.into()),
            "--svg" => options.svg = Some(value()?.into()),
            "--cpus" => options.placements = placements(&value()?)?,
            "--only" => options.only = Some(contenders(&value()?)?),
            PLAY => return Ok(Request::Play(value()?)),
            MEMORY => return Ok(Request::Memory(value()?, number(&value()?)?)),
            _ => {
                options.is_everything |= argument == ALL;
                options.workloads.extend(workloads(&argument)?);
            }
        }
    }
    if options.workloads.is_empty() {
        return Err("name a workload, or `all`, or `list` to see them (see --help)".to_owned());
    }
    dedup(&mut options.workloads);
    Ok(Request::Run(options))
}

fn dedup(workloads: &mut Vec<Workload>) {
    let mut seen = Vec::new();
    workloads.retain(|work| {
        !seen.contains(work) && {
            seen.push(*work);
            true
        }
    });
}

fn workloads(name: &str) -> Result<Vec<Workload>, String> {
    if name.starts_with('-') {
        return Err(format!("there is no option {name} (see --help)"));
    }
    if name == ALL {
        return Ok(Workload::all().collect());
    }
    let named = |work: &Workload| work.name() == name || work.group() == name;
    let found: Vec<Workload> = Workload::every().filter(named).collect();
    if found.is_empty() { Err(format!("there is no workload {name:?}")) } else { Ok(found) }
}

fn contenders(list: &str) -> Result<Vec<String>, String> {
    list.split(',').map(contender_name).collect()
}

fn contender_name(name: &str) -> Result<String, String> {
    contender::find(name).map(|entry| entry.about.name.to_owned())
}

/// Several of them.
fn placements(list: &str) -> Result<Vec<Placement>, String> {
    list.split(',').map(Placement::named).collect()
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("{text} is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    fn run(line: &str) -> Options {
        match parsed(line) {
            Ok(Request::Run(options)) => options,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn all_is_every_workload_once() {
        let all: Vec<Workload> = Workload::all().collect();
        assert_eq!(run("all tell").workloads, all);
    }

    #[test]
    fn a_group_names_its_workloads() {
        assert_eq!(run("tell").workloads, [Workload::TellBounded, Workload::TellUnbounded]);
    }

    #[test]
    fn help_says_what_there_is_to_choose() {
        assert_eq!(parsed("tell --help"), Ok(Request::Help));
        for option in ["list", "all", "--quick", "--only", "--cpus", "--markdown", "--svg"] {
            assert!(HELP.contains(&format!("\n  {option} ")), "{option}");
        }
    }

    #[test]
    fn options_may_stand_anywhere() {
        let options = run("--quick ask --only exeunt,plain --svg a.svg --markdown a.md");
        assert!(options.quick && options.includes("plain") && !options.includes("actix"));
        assert_eq!(options.svg, Some("a.svg".into()));
        assert_eq!(options.markdown, Some("a.md".into()));
    }

    #[test]
    fn a_run_is_placed_where_one_says() {
        let [one, two] = [1, 2].map(Placement::Pinned);
        assert_eq!(run("ask").placements(4), [Placement::Free]);
        assert_eq!(run("ask --cpus 2,1,all").placements(4), [two, one, Placement::Free]);
        assert_eq!(run("ask --cpus apart").placements(4), [Placement::Apart]);
        assert_eq!(run("all").placements(4), [Placement::Free, Placement::Apart, two, one]);
        assert_eq!(run("all --quick").placements(4), [Placement::Free]);
    }

    #[test]
    fn an_error_names_the_thing() {
        for (line, error) in [
            ("", "name a workload, or `all`, or `list` to see them (see --help)"),
            ("sing", "there is no workload \"sing\""),
            ("all --fast", "there is no option --fast (see --help)"),
            (
                "all --cpus some",
                "--cpus takes numbers, `all` and `apart`, and \"some\" is none of them",
            ),
            ("all --svg", "--svg needs a value"),
            ("all --only hamlet", "there is no contender \"hamlet\""),
            ("all --only exeunt,", "there is no contender \"\""),
        ] {
            assert_eq!(parsed(line), Err(error.to_owned()));
        }
    }
}
