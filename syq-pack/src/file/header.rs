//! The safetensors header: names, types, shapes and offsets, with duplicates refused.
//!
//! The `safetensors` crate takes duplicate names silently, so the header is parsed here.

use super::canonical;
use super::error::FormatError;
use super::tensors::element_bytes;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt;

const METADATA: &str = "__metadata__";
const KEY: &str = "syq";

/// Type, shape and place of one tensor.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TensorInfo {
    pub(super) dtype: String,
    #[serde(deserialize_with = "extents")]
    pub(super) shape: Vec<u64>,
    pub(super) data_offsets: [u64; 2],
}

/// More extents than the shape of any tensor has. An extent takes eight bytes in memory, and two in the header.
const MOST_EXTENTS: usize = 8;

fn extents<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    deserializer.deserialize_seq(ExtentsVisitor)
}

struct ExtentsVisitor;

impl<'de> Visitor<'de> for ExtentsVisitor {
    type Value = Vec<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of extents")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<u64>, A::Error> {
        let mut extents = Vec::new();
        while let Some(extent) = list.next_element()? {
            if extents.len() == MOST_EXTENTS {
                return Err(A::Error::custom(format_args!("a shape of more than {MOST_EXTENTS} extents")));
            }
            extents.push(extent);
        }
        Ok(extents)
    }
}

/// A parsed header.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) metadata: String,
    pub(super) tensors: BTreeMap<String, TensorInfo>,
}

/// The file of these tensors (name, type, shape, bytes), in their order, and this metadata.
pub(super) fn write<'a>(
    metadata: &str,
    tensors: impl Iterator<Item = (&'a str, &'static str, &'a [u64], &'a [u8])> + Clone,
) -> Vec<u8> {
    let mut header = String::from("{");
    canonical::write(&json!(METADATA), &mut header);
    header.push(':');
    canonical::write(&json!({ KEY: metadata }), &mut header);
    let mut end = 0;
    for (name, dtype, shape, data) in tensors.clone() {
        let start = end;
        end += data.len();
        header.push(',');
        canonical::write(&json!(name), &mut header);
        header.push(':');
        canonical::write(&json!({"dtype": dtype, "shape": shape, "data_offsets": [start, end]}), &mut header);
    }
    header.push('}');
    // The data starts at a multiple of 8.
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
    let mut bytes = Vec::with_capacity(8 + header.len() + end);
    bytes.extend((header.len() as u64).to_le_bytes());
    bytes.extend(header.bytes());
    for (.., data) in tensors {
        bytes.extend(data);
    }
    bytes
}

/// Where the data start, from the first bytes of a file of `len` bytes; the header may have at most `limit`.
pub(super) fn start(bytes: &[u8], len: u64, limit: u64) -> Result<u64, FormatError> {
    let found = len as usize;
    let Some((length, _)) = bytes.split_first_chunk::<8>() else {
        return Err(FormatError::Truncated { found, expected: 8 });
    };
    let length = u64::from_le_bytes(*length);
    if length > limit {
        return Err(FormatError::HeaderLength { found: length, limit });
    }
    let expected = length.saturating_add(8);
    if expected > len { Err(FormatError::Truncated { found, expected }) } else { Ok(expected) }
}

/// The header's bytes, at most `limit`, and those behind it.
pub(super) fn split(bytes: &[u8], limit: u64) -> Result<(&[u8], &[u8]), FormatError> {
    let (head, data) = bytes.split_at(start(bytes, bytes.len() as u64, limit)? as usize);
    Ok((&head[8..], data))
}

/// Parses the header and checks that the tensors fill the `data_len` bytes behind it without gap or overlap.
pub(super) fn parse(header: &[u8], data_len: u64) -> Result<Header, FormatError> {
    let message = |error: &dyn fmt::Display| FormatError::Header { message: error.to_string() };
    let header = std::str::from_utf8(header).map_err(|error| message(&error))?;
    if !header.starts_with('{') {
        return Err(message(&"it does not begin with '{'"));
    }
    let entries: Entries = serde_json::from_str(header).map_err(|error| message(&error))?;
    if let Some(name) = entries.duplicate {
        return Err(FormatError::Duplicate { name });
    }
    let mut metadata = None;
    for (key, value) in entries.metadata.unwrap_or_default().0 {
        match (key.as_str(), &metadata) {
            (KEY, None) => metadata = Some(value),
            (KEY, Some(_)) => return Err(FormatError::Duplicate { name: key }),
            _ => return Err(FormatError::MetadataKey { key }),
        }
    }
    check_offsets(&entries.tensors, data_len)?;
    let metadata = metadata.ok_or(FormatError::NoMetadata)?;
    Ok(Header { metadata, tensors: entries.tensors })
}

fn check_offsets(tensors: &BTreeMap<String, TensorInfo>, found: u64) -> Result<(), FormatError> {
    let mut in_order: Vec<_> = tensors.iter().collect();
    in_order.sort_by_key(|(_, info)| info.data_offsets);
    let mut end = 0u64;
    for (name, info) in in_order {
        let length =
            info.shape.iter().try_fold(element_bytes(&info.dtype), |product, extent| product.checked_mul(*extent));
        let expected = [end, length.and_then(|length| end.checked_add(length)).unwrap_or(u64::MAX)];
        if info.data_offsets != expected {
            return Err(FormatError::Offsets { name: name.clone(), found: info.data_offsets, expected });
        }
        end = expected[1];
    }
    if end == found { Ok(()) } else { Err(FormatError::DataLength { found, expected: end }) }
}

/// The header's entries; the first name that stands there twice.
#[derive(Default)]
struct Entries {
    metadata: Option<Pairs>,
    tensors: BTreeMap<String, TensorInfo>,
    duplicate: Option<String>,
}

/// The metadata as it stands, duplicates included.
#[derive(Default)]
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct EntriesVisitor;
struct PairsVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries = Entries::default();
        while let Some(name) = map.next_key::<String>()? {
            let taken = if name == METADATA {
                entries.metadata.replace(map.next_value()?).is_some()
            } else {
                entries.tensors.insert(name.clone(), map.next_value()?).is_some()
            };
            if taken && entries.duplicate.is_none() {
                entries.duplicate = Some(name);
            }
        }
        Ok(entries)
    }
}

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            if pairs.len() == 16 {
                return Err(A::Error::custom("more metadata keys than a model file has"));
            }
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}
