//! The JSON under the key `syq`: the network and all that is no tensor.

use super::canonical;
use super::error::FormatError;
use crate::limits::ModelLimits;
use crate::model::{Golden, Model, ModelError, Origin};
use crate::network::{Network, NetworkError};
use crate::preprocess::Preprocess;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The schema that this version writes. A reader takes every minor version of the major one that it
/// knows, as long as the file has no field that it does not know.
pub(super) const SCHEMA: &str = "syq.model/1.0";
const FAMILY: &str = "syq.model/";
const MAJOR: &str = "1";

/// The text stands at the head of the JSON, since `digest` is the first of the sorted keys.
const DIGEST_PREFIX: &str = "{\"digest\":\"";
const DIGEST_LEN: usize = 64;

/// More separators than the metadata of any model has: 4,096 convolutions have 100,000, and beside them stand the labels
/// and the commas within them. Parsed JSON takes a multiple of its text, most of all in lists of digits.
const MAX_SEPARATORS: usize = 1 << 18;

/// More lists and objects than the metadata of any model has: 4,096 convolutions have 33,000. Each takes ten times the
/// memory of a list's element, and more.
const MAX_OPENED: usize = 1 << 16;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    golden: Option<Golden>,
    labels: Vec<String>,
    network: Network,
    #[serde(default)]
    origin: Origin,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    preprocess: Option<Preprocess>,
    schema: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    tensor_digests: Option<TensorDigests>,
}

/// What is read before anything else.
#[derive(Deserialize)]
struct Head {
    schema: String,
}

/// By a tensor's name [`tensor_digest`] of its bytes. They tell which tensor of a damaged file is damaged; whether a
/// file is damaged the one digest of all contents tells.
pub(super) type TensorDigests = BTreeMap<String, String>;

/// What the metadata says.
pub(super) struct Contents {
    /// The model without its parameters.
    pub(super) model: Model,
    /// SHA-256 that the contents should have.
    pub(super) digest: String,
    /// Empty in a file from before they were written.
    pub(super) tensors: TensorDigests,
}

fn message(error: impl std::fmt::Display) -> FormatError {
    FormatError::Metadata { message: error.to_string() }
}

/// The metadata of a model and tensors, in ascending order of their names, that hash to its digest.
pub(super) fn write<'a>(
    model: &Model,
    tensors: impl Iterator<Item = (&'a str, &'a [u8])> + Clone,
) -> Result<String, FormatError> {
    let digest_of = |(name, data): (&str, &[u8])| (name.to_owned(), tensor_digest(Sha256::new_with_prefix(data)));
    let metadata = Metadata {
        digest: "0".repeat(DIGEST_LEN),
        golden: model.golden.clone(),
        labels: model.labels.clone(),
        network: model.network.clone(),
        origin: model.origin.clone(),
        preprocess: model.preprocess.clone(),
        schema: SCHEMA.to_owned(),
        tensor_digests: Some(tensors.clone().map(digest_of).collect()),
    };
    let mut text = String::new();
    canonical::write(&serde_json::to_value(metadata).map_err(message)?, &mut text);
    let mut digest = ContentsDigest::new(&text)?;
    for (name, data) in tensors {
        digest.tensor(name);
        digest.bytes(data);
    }
    text.replace_range(DIGEST_PREFIX.len()..DIGEST_PREFIX.len() + DIGEST_LEN, &digest.finish());
    Ok(text)
}

/// What the metadata says.
pub(super) fn read(text: &str, limits: &ModelLimits) -> Result<Contents, FormatError> {
    let count = |of: &[u8]| text.bytes().filter(|byte| of.contains(byte)).count();
    let [opened, separators] = [count(b"[{"), count(b",[{")];
    for (what, found, limit) in [("separators", separators, MAX_SEPARATORS), ("lists and objects", opened, MAX_OPENED)]
    {
        if found > limit {
            return Err(message(format_args!("{found} {what}, more than the {limit} allowed")));
        }
    }
    let Head { schema } = serde_json::from_str(text).map_err(message)?;
    let version = schema.strip_prefix(FAMILY).and_then(|version| version.split_once('.'));
    if !version.is_some_and(|(major, minor)| major == MAJOR && minor.parse::<u32>().is_ok()) {
        return Err(FormatError::Schema { found: schema, supported: SCHEMA });
    }
    // From the text, since a `Value` no longer shows a key that stands there twice.
    let mut metadata: Metadata = serde_json::from_str(text).map_err(message)?;
    // Before the comparison below, which takes memory for each of them; the network's shapes are checked later.
    limits.layers(metadata.network.layers.len()).map_err(|kind| {
        let layer = metadata.network.name.clone();
        ModelError::from(NetworkError { layer, kind })
    })?;
    // `flatten` in a layer drops unknown fields; find them by comparing with what was understood. A text has no fields,
    // and there may be very many labels.
    let labels = std::mem::take(&mut metadata.labels);
    let mut given: Value = serde_json::from_str(text).map_err(message)?;
    given.as_object_mut().map(|given| given.remove("labels"));
    let known = serde_json::to_value(&metadata).map_err(message)?;
    if let Some(path) = canonical::unknown_field(&given, &known) {
        return Err(FormatError::UnknownField { path });
    }
    let Metadata { digest, golden, network, origin, preprocess, tensor_digests, .. } = metadata;
    let model = Model { network, parameters: Default::default(), preprocess, labels, origin, golden };
    Ok(Contents { model, digest, tensors: tensor_digests.unwrap_or_default() })
}

/// The first 16 digits of the SHA-256 of a tensor's bytes: enough to tell damage.
pub(super) fn tensor_digest(hash: Sha256) -> String {
    let mut digits = crate::digest::hex(&hash.finalize());
    digits.truncate(16);
    digits
}

/// SHA-256 over the metadata with 64 zeros in the digest's place, then name, line feed and bytes of
/// each tensor in ascending order of the names.
pub(super) struct ContentsDigest(Sha256);

impl ContentsDigest {
    /// Begins with the metadata.
    pub(super) fn new(text: &str) -> Result<Self, FormatError> {
        let rest = text.strip_prefix(DIGEST_PREFIX).and_then(|rest| rest.get(DIGEST_LEN..));
        let rest = rest.ok_or_else(|| message("does not begin with the digest"))?;
        let mut hash = Sha256::new();
        hash.update(DIGEST_PREFIX);
        hash.update([b'0'; DIGEST_LEN]);
        hash.update(rest);
        Ok(Self(hash))
    }

    /// The next tensor; its bytes follow.
    pub(super) fn tensor(&mut self, name: &str) {
        self.0.update(name);
        self.0.update(b"\n");
    }

    /// The tensor's next bytes.
    pub(super) fn bytes(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest in hexadecimal.
    pub(super) fn finish(self) -> String {
        crate::digest::hex(&self.0.finalize())
    }
}
