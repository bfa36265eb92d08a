//! `syq verify`: whether the engine gives a model's golden logits, to the last bit.

use super::model::{EngineArguments, Loaded, ModelArguments, ModelName};
use super::output::stdout;
use super::{Failure, Outcome};
use clap::Args;
use serde::Serialize;
use std::io::Write;
use syq_infer::{Isa, SessionOptions};
use syq_pack::Golden;

const SCHEMA: &str = "syq.verify/1";

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
}

/// The result.
#[derive(Debug, Serialize)]
struct Report {
    schema: &'static str,
    model: ModelName,
    exact: bool,
    results: Vec<Comparison>,
}

/// One instruction set's logits beside the golden ones.
#[derive(Clone, Copy, Debug, Serialize)]
struct Comparison {
    isa: &'static str,
    exact: bool,
    /// Logits that differ in any bit.
    different: usize,
    logits: usize,
}

/// Checks the instruction set that was asked for, or all that the machine has.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let loaded = Loaded::read(&arguments.model)?;
    let Some(golden) = &loaded.model.golden else {
        return Err(loaded.fail("the model carries no golden logits to verify"));
    };
    let input = Golden::input(loaded.model.network.input, golden.seed);
    if Golden::input_digest(&input) != golden.input_sha256 {
        return Err(loaded.fail("its golden input is not the one that its seed gives"));
    }
    let mut results = Vec::new();
    for isa in arguments.engine.isa().map_or_else(Isa::available, |isa| vec![isa]) {
        let mut session = loaded.session(SessionOptions { isa: Some(isa), ..arguments.engine.options() })?;
        let logits = session.run(&input).map_err(|error| loaded.fail(error))?;
        let bits = logits.iter().map(|logit| logit.to_bits());
        let different = bits.zip(&golden.logits).filter(|(found, expected)| found != *expected).count();
        results.push(Comparison { isa: isa.name(), exact: different == 0, different, logits: logits.len() });
    }
    let exact = results.iter().all(|result| result.exact);
    let report = Report { schema: SCHEMA, model: loaded.name(), exact, results };
    report.print(arguments.json)?;
    let wrong: Vec<&str> = report.results.iter().filter(|result| !result.exact).map(|result| result.isa).collect();
    if exact {
        Ok(Outcome::Complete)
    } else {
        Err(loaded.fail(format!("the golden logits are not reproduced on {}", wrong.join(", "))))
    }
}

impl Report {
    fn print(&self, json: bool) -> Result<(), Failure> {
        let mut out = stdout();
        if json {
            serde_json::to_writer(&mut out, self).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
        for Comparison { isa, different, logits, .. } in self.results.iter().filter(|_| !json) {
            match different {
                0 => writeln!(out, "{isa:<9} exact")?,
                different => writeln!(out, "{isa:<9} not exact: {different} of {logits} logits differ")?,
            }
        }
        Ok(out.flush()?)
    }
}
