//! `syq verify`: whether a model gives the reference executor's logits in every way in which it can run here.

use super::model::{EngineArguments, Loaded, ModelArguments, ModelName};
use super::network::NetworkArguments;
use super::output::stdout;
use super::{Failure, Outcome};
use clap::Args;
use serde::Serialize;
use std::io::{IsTerminal, Write};
use syq_infer::verify::{Comparison, Expected};
use syq_infer::{Engine, Isa};

const SCHEMA: &str = "syq.verify/2";

/// Images that are given at once. The largest is how many images there are.
const BATCHES: [usize; 3] = [1, 2, 3];
const IMAGES: usize = 3;

/// Arguments of `syq verify`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArguments,
    // Last, because its heading would stand over whatever follows.
    #[command(flatten)]
    network: NetworkArguments,
}

/// The result.
#[derive(Debug, Serialize)]
struct Report {
    schema: &'static str,
    model: ModelName,
    exact: bool,
    images: usize,
    results: Vec<Row>,
    /// Instruction sets that were not run: this machine does not have them, or another one was asked for.
    not_run: Vec<&'static str>,
}

/// One way of running beside the reference executor.
#[derive(Clone, Copy, Debug, Serialize)]
struct Row {
    /// `golden` for the logits that the file carries.
    isa: &'static str,
    threads: Option<usize>,
    batch: Option<usize>,
    exact: bool,
    /// Logits that differ in any bit.
    different: usize,
    logits: usize,
}

impl Row {
    fn of(isa: &'static str, threads: Option<usize>, batch: Option<usize>, found: Comparison) -> Self {
        let Comparison { different, logits } = found;
        Self { isa, threads, batch, exact: found.is_exact(), different, logits }
    }

    fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        let number = |number: Option<usize>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        write!(out, "{:<9} {:>7} {:>5}  ", self.isa, number(self.threads), number(self.batch))?;
        match self.different {
            0 => writeln!(out, "exact"),
            different => writeln!(out, "not exact: {different} of {} logits differ", self.logits),
        }
    }
}

/// Thread counts from 1 to one a core: all of a small machine, of a large one the powers of two and the last.
fn thread_counts() -> Vec<usize> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (1..=cores).filter(|count| *count <= 4 || count.is_power_of_two() || *count == cores).collect()
}

/// Checks the instruction set and the threads that were asked for, or all that the machine has.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let loaded = match arguments.network.source()? {
        Some(source) => Loaded::of(source)?,
        None => Loaded::read(&arguments.model)?,
    };
    if std::io::stderr().is_terminal() {
        // Nobody can be told that standard error is closed.
        drop(writeln!(std::io::stderr(), "computing the reference logits of {IMAGES} images"));
    }
    let expected = Expected::new(&loaded.model, IMAGES).map_err(|error| loaded.fail(error))?;
    let mut out = stdout();
    if !arguments.json {
        writeln!(
            out,
            "{:<9} {:>7} {:>5}  logits of {IMAGES} images beside the reference executor's",
            "isa", "threads", "batch"
        )?;
    }
    let mut results: Vec<Row> = Vec::new();
    let mut add = |row: Row| {
        results.push(row);
        if arguments.json {
            return Ok(());
        }
        row.print(&mut out)?;
        out.flush()
    };
    if let Some(golden) = expected.golden() {
        add(Row::of("golden", None, None, golden))?;
    }
    let isas = arguments.engine.isa().map_or_else(Isa::available, |isa| vec![isa]);
    let threads = arguments.engine.threads().map_or_else(thread_counts, |threads| vec![threads.get()]);
    for isa in &isas {
        let engine = Engine::new(&loaded.model, Some(*isa)).map_err(|error| loaded.refuse(error))?;
        for threads in &threads {
            let mut session = engine.session(*threads).map_err(|error| loaded.refuse(error))?;
            for batch in BATCHES {
                let found = expected.compare(&mut session, batch).map_err(|error| loaded.refuse(error))?;
                add(Row::of(isa.name(), Some(*threads), Some(batch), found))?;
            }
        }
    }
    let not_run: Vec<&str> = Isa::ALL.into_iter().filter(|isa| !isas.contains(isa)).map(Isa::name).collect();
    if !arguments.json {
        not_run.iter().try_for_each(|isa| writeln!(out, "{isa:<9} {:>7} {:>5}  not run", "-", "-"))?;
    }
    let exact = results.iter().all(|row| row.exact);
    let wrong = results.iter().filter(|row| !row.exact).count();
    let report = Report { schema: SCHEMA, model: loaded.name(), exact, images: IMAGES, results, not_run };
    if arguments.json {
        serde_json::to_writer(&mut out, &report).map_err(std::io::Error::from)?;
        writeln!(out)?;
    }
    out.flush()?;
    if exact {
        return Ok(Outcome::Complete);
    }
    Err(loaded.fail(format!("not exact in {wrong} of {} comparisons", report.results.len())))
}
