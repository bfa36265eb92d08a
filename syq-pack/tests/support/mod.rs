//! A small model for the tests of the file format, and its file taken apart so that it can be spoilt.
#![allow(dead_code, unreachable_pub, missing_docs)]

mod container;

pub(crate) use container::file;
use serde_json::{Value, json};
use std::fmt::Write;
use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity, Padding, Shape, Window};
use syq_pack::model::Accuracy;
use syq_pack::network::{Bias, Conv, INPUT, Layer, Linear, Op, WeightFormat};
use syq_pack::{Golden, Model, Network, Origin, Preprocess, reference};

fn layer(name: &str, input: &str, op: Op) -> Layer {
    Layer { name: name.to_owned(), inputs: vec![input.to_owned()], op }
}

/// quantize → 3×3 convolution with codes → batch norm → quantize (learned) → flatten → linear.
pub fn small(codebook: Codebook) -> Model {
    let act = |range| Op::Quantize(ActivationQuantizer { bits: BitWidth::Two, range });
    let conv = Conv {
        filters: 2,
        window: Window::square(3, 1, Padding::uniform(1)),
        groups: 1,
        weights: WeightFormat::Codebook { codebook, granularity: Granularity::Row },
        bias: Bias::PerFilter,
    };
    let linear = Linear { outputs: 2, weights: WeightFormat::Float, bias: Bias::PerFilter };
    let network = Network {
        name: "small".to_owned(),
        input: Shape::new(2, 2, 3),
        layers: vec![
            layer("a", INPUT, act(ActivationRange::Unit)),
            layer("c", "a", Op::Conv(conv)),
            layer("n", "c", Op::BatchNorm),
            layer("b", "n", act(ActivationRange::Learned)),
            layer("f", "b", Op::Flatten),
            layer("fc", "f", Op::Linear(linear)),
        ],
    };
    let mut model = Model::random(network, 5).unwrap();
    model.labels = vec!["cat \"é\"".to_owned(), "dog".to_owned()];
    model.preprocess = Some(Preprocess::exact(2, 2, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]));
    model.origin = Origin {
        data_set: Some("none".to_owned()),
        seed: Some(u64::MAX),
        top1: Some(Accuracy { right: 1, total: 2 }),
        ..Origin::default()
    };
    let logits = reference::logits(&model, &Golden::input(model.network.input, 9)).unwrap();
    model.golden = Some(Golden::new(model.network.input, 9, &logits));
    model
}

/// quantize (signed) → 3×3 convolution with 8-bit weights → ReLU → quantize → flatten → 8-bit linear; an
/// odd number of bytes in each tensor of codes.
pub fn eight_bit() -> Model {
    let act = |range| Op::Quantize(ActivationQuantizer { bits: BitWidth::Eight, range });
    let conv = Conv {
        filters: 3,
        window: Window::square(3, 1, Padding::uniform(1)),
        groups: 1,
        weights: WeightFormat::EightBit,
        bias: Bias::PerFilter,
    };
    let linear = Linear { outputs: 3, weights: WeightFormat::EightBit, bias: Bias::None };
    let network = Network {
        name: "eight bit".to_owned(),
        input: Shape::new(3, 1, 1),
        layers: vec![
            layer("a", INPUT, act(ActivationRange::Symmetric(2.7))),
            layer("c", "a", Op::Conv(conv)),
            layer("r", "c", Op::Relu),
            layer("b", "r", act(ActivationRange::Learned)),
            layer("f", "b", Op::Flatten),
            layer("fc", "f", Op::Linear(linear)),
        ],
    };
    let mut model = Model::random(network, 5).unwrap();
    let logits = reference::logits(&model, &Golden::input(model.network.input, 9)).unwrap();
    model.golden = Some(Golden::new(model.network.input, 9, &logits));
    model
}

/// A file in parts; `tensors` in the order of the header.
#[derive(Clone)]
pub struct Parts {
    pub metadata: Value,
    pub tensors: Vec<(String, Value)>,
    pub data: Vec<u8>,
}

impl Parts {
    pub fn of(model: &Model) -> Self {
        let bytes = model.to_bytes().unwrap();
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        let metadata = serde_json::from_str(header["__metadata__"]["syq"].as_str().unwrap()).unwrap();
        let tensors = header.as_object().unwrap().iter().filter(|(name, _)| *name != "__metadata__");
        let tensors = tensors.map(|(name, info)| (name.clone(), info.clone())).collect();
        Self { metadata, tensors, data: bytes[8 + length..].to_vec() }
    }

    pub fn info(&mut self, name: &str) -> &mut Value {
        &mut self.tensors.iter_mut().find(|(n, _)| n == name).unwrap().1
    }

    /// Where a tensor's bytes are.
    pub fn range(&self, name: &str) -> std::ops::Range<usize> {
        let info = &self.tensors.iter().find(|(n, _)| n == name).unwrap().1;
        let offset = |index: usize| info["data_offsets"][index].as_u64().unwrap_or(0) as usize;
        offset(0)..offset(1)
    }

    /// The metadata with the right digest in it.
    pub fn signed(&self) -> String {
        let mut metadata = self.metadata.clone();
        metadata["digest"] = json!(container::UNKNOWN);
        let mut names: Vec<_> = self.tensors.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let bytes = |name| self.data.get(self.range(name)).unwrap_or_default();
        container::signed(&metadata.to_string(), names.into_iter().map(|name| (name, bytes(name))))
    }

    /// The file, its digest renewed.
    pub fn bytes(&self) -> Vec<u8> {
        self.with_metadata(&json!({ "syq": self.signed() }).to_string())
    }

    /// The file with the digests that stand in its metadata.
    pub fn bytes_undigested(&self) -> Vec<u8> {
        self.with_metadata(&json!({ "syq": self.metadata.to_string() }).to_string())
    }

    /// The tensors' names.
    pub fn names(&self) -> Vec<String> {
        self.tensors.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The file with this object as its metadata.
    pub fn with_metadata(&self, metadata: &str) -> Vec<u8> {
        let mut header = format!("{{\"__metadata__\":{metadata}");
        for (name, info) in &self.tensors {
            write!(header, ",{}:{info}", json!(name)).unwrap();
        }
        header.push('}');
        file(header.as_bytes(), &self.data)
    }
}
