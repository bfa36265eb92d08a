//! What the values of flags mean.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use syq_core::BitWidth;
use syq_pack::zoo::Architecture;
use syq_train::run::CHECKPOINT;

/// A network of the zoo, by its name.
pub(super) fn architecture() -> impl TypedValueParser<Value = Architecture> {
    PossibleValuesParser::new(Architecture::ALL.map(Architecture::name))
        .try_map(|name| Architecture::from_name(&name).ok_or("no such network"))
}

/// A value that a configuration writes as a word.
pub(super) fn word<T: DeserializeOwned>(name: &str) -> Result<T, String> {
    serde_json::from_value(name.into()).map_err(|error| error.to_string())
}

/// Bits of an activation.
pub(super) fn bits(text: &str) -> Result<BitWidth, String> {
    let bits: u32 = text.parse().map_err(|_| "not a number".to_owned())?;
    BitWidth::try_from(bits).map_err(|error| error.to_string())
}

/// The checkpoint that a run's folder or a path to a checkpoint means.
pub(super) fn checkpoint(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(CHECKPOINT) } else { path.to_owned() }
}
