//! `syq verify`: whether the engine gives a model's golden logits, to the last bit.

use super::model::{EngineArguments, Loaded, ModelArguments};
use super::output::stdout;
use super::{Failure, Outcome};
use clap::Args;
use std::io::Write;
use syq_infer::{Isa, SessionOptions};
use syq_pack::Golden;

/// Arguments of `syq verify`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    engine: EngineArguments,
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
    let mut out = stdout();
    let mut wrong = Vec::new();
    for isa in arguments.engine.isa().map_or_else(Isa::available, |isa| vec![isa]) {
        let mut session = loaded.session(SessionOptions { isa: Some(isa), ..arguments.engine.options() })?;
        let logits = session.run(&input).map_err(|error| loaded.fail(error))?;
        let bits = logits.iter().map(|logit| logit.to_bits());
        let different = bits.zip(&golden.logits).filter(|(found, expected)| found != *expected).count();
        if different == 0 {
            writeln!(out, "{:<9} exact", isa.name())?;
        } else {
            writeln!(out, "{:<9} not exact: {different} of {} logits differ", isa.name(), logits.len())?;
            wrong.push(isa.name());
        }
    }
    out.flush()?;
    if wrong.is_empty() {
        Ok(Outcome::Complete)
    } else {
        Err(loaded.fail(format!("the golden logits are not reproduced on {}", wrong.join(", "))))
    }
}
