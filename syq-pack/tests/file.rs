//! The model file: round trips, the same bytes twice, 1 and 2 bits a weight, files on disk.

mod support;

use safetensors::{Dtype, SafeTensors};
use support::{eight_bit, small};
use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity};
use syq_pack::file::FileErrorKind;
use syq_pack::network::WeightFormat;
use syq_pack::zoo::{Architecture, FirstLast, Scheme};
use syq_pack::{FormatError, Golden, LayerParameters, Model, digest, reference};

fn schemes() -> Vec<Scheme> {
    let mut schemes = vec![Scheme::Float];
    for (codebook, granularity, bits, range) in [
        (Codebook::Binary, Granularity::Pixel, BitWidth::One, ActivationRange::Unit),
        (Codebook::Ternary, Granularity::Row, BitWidth::Two, ActivationRange::Learned),
        (Codebook::Ternary, Granularity::Layer, BitWidth::Eight, ActivationRange::FixedPoint(6)),
    ] {
        schemes.push(Scheme::Quantized {
            codebook,
            granularity,
            activation: ActivationQuantizer { bits, range },
            first_last: FirstLast::Float,
        });
    }
    let activation = ActivationQuantizer { bits: BitWidth::Two, range: ActivationRange::Learned };
    schemes.push(Scheme::Quantized {
        codebook: Codebook::Ternary,
        granularity: Granularity::Pixel,
        activation,
        first_last: FirstLast::EIGHT_BIT,
    });
    schemes
}

/// Small pictures: AlexNet's first fully connected layer would have 38 million weights at 224.
fn image(architecture: Architecture) -> usize {
    match architecture {
        Architecture::AlexNet => 68,
        Architecture::AlexNetTorchvision => 63,
        _ => 32,
    }
}

#[test]
fn every_network_in_every_scheme_comes_back() {
    for architecture in Architecture::ALL {
        for scheme in schemes() {
            let network = architecture.build(scheme, image(architecture), 5);
            let model = Model::random(network, 11).unwrap();
            let bytes = model.to_bytes().unwrap();
            let read = Model::from_bytes(&bytes).unwrap();
            assert_eq!(read, model, "{}", model.network.name);
            assert!(read.to_bytes().unwrap() == bytes, "{}", model.network.name);
        }
    }
}

#[test]
fn the_same_model_gives_the_same_bytes_at_any_address() {
    for codebook in Codebook::ALL {
        let model = small(codebook);
        let bytes = model.to_bytes().unwrap();
        assert_eq!(bytes, small(codebook).to_bytes().unwrap());
        assert_eq!(digest(&bytes).len(), 64);
        for shift in 0..8 {
            let shifted = [&vec![0; shift], bytes.as_slice()].concat();
            assert_eq!(Model::from_bytes(&shifted[shift..]).unwrap(), model);
        }
        let read = Model::from_bytes(&bytes).unwrap();
        let golden = read.golden.as_ref().unwrap();
        let input = Golden::input(read.network.input, golden.seed);
        assert_eq!(Golden::input_digest(&input), golden.input_sha256);
        let logits = reference::logits(&read, &input).unwrap();
        assert_eq!(logits.iter().map(|logit| logit.to_bits()).collect::<Vec<_>>(), golden.logits);
    }
}

#[test]
fn weights_take_one_or_two_bits_and_the_crate_reads_them() {
    for (scheme, bits) in schemes().into_iter().skip(1).zip([1, 2, 2, 2]) {
        let network = Architecture::ResNet18.build(scheme, 32, 5);
        let model = Model::random(network, 2).unwrap();
        let bytes = model.to_bytes().unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let data_start = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap());
        assert_eq!(data_start % 8, 0);
        let [mut weights, mut quantized] = [0, 0];
        for layer in &model.view().unwrap().layers {
            let Some(LayerParameters::Coded { codes, scales, .. }) = layer.parameters else { continue };
            let name = &layer.layer.name;
            assert!(matches!(layer.layer.op.weights(), Some(WeightFormat::Codebook { .. })));
            let tensor = tensors.tensor(&format!("{name}.codes")).unwrap();
            assert_eq!(tensor.dtype(), Dtype::U32);
            // ResNet-18's layers have a multiple of 32 weights: not a byte is lost.
            assert_eq!(tensor.data().len() * 8, codes.len() * bits, "{name}");
            let stored: Vec<u32> =
                tensor.data().chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
            assert_eq!(stored, codes.words());
            assert_eq!(tensors.tensor(&format!("{name}.scales")).unwrap().data().len(), 4 * scales.len());
            weights += codes.len();
            quantized += tensor.data().len();
        }
        assert_eq!((weights, quantized * 8), (10_985_472, 10_985_472 * bits));
    }
}

#[test]
fn eight_bit_weights_take_a_byte_behind_all_words() {
    let model = eight_bit();
    let bytes = model.to_bytes().unwrap();
    assert_eq!(Model::from_bytes(&bytes).unwrap(), model);
    assert_eq!(Model::from_bytes(&bytes).unwrap().to_bytes().unwrap(), bytes);
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    for (name, shape) in [("c.codes", vec![3, 3, 3, 1]), ("fc.codes", vec![3, 9])] {
        let tensor = tensors.tensor(name).unwrap();
        assert_eq!((tensor.dtype(), tensor.shape()), (Dtype::I8, &shape[..]));
        let Some(LayerParameters::EightBit { codes, scales, .. }) = model.parameters.get(&name.replace(".codes", ""))
        else {
            panic!("{name}");
        };
        let stored: Vec<i8> = tensor.data().iter().map(|byte| byte.cast_signed()).collect();
        assert!(&stored == codes && scales.len() == 3);
        assert!(codes.iter().any(|code| *code > 100) && codes.iter().any(|code| *code < -100));
    }
    let start = bytes.as_ptr() as usize;
    let words = tensors.tensors().into_iter().filter(|(_, tensor)| tensor.dtype() != Dtype::I8);
    for (name, tensor) in words {
        assert_eq!((tensor.data().as_ptr() as usize - start) % 4, 0, "{name}");
    }
}

#[test]
#[cfg(not(target_family = "wasm"))] // no temporary folder
fn files_are_written_at_one_stroke() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.syq");
    let model = small(Codebook::Binary);
    std::fs::write(&path, "something older").unwrap();
    model.write(&path).unwrap();
    assert_eq!(Model::read(&path).unwrap(), model);
    assert_eq!(std::fs::read(&path).unwrap(), model.to_bytes().unwrap());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file is left");
    let mut broken = model.clone();
    broken.labels.clear();
    assert!(broken.write(&path).unwrap_err().to_string().contains("m.syq"));
    assert_eq!(Model::read(&path).unwrap(), model, "the old file is kept");
    let missing = Model::read(&folder.path().join("none.syq")).unwrap_err();
    assert!(matches!(missing.kind, FileErrorKind::Io(_)) && missing.to_string().contains("none.syq"));
    assert!(matches!(Model::read(folder.path()).unwrap_err().kind, FileErrorKind::Io(_)));
    std::fs::write(&path, "text").unwrap();
    let error = Model::read(&path).unwrap_err();
    assert!(matches!(error.kind, FileErrorKind::Format(FormatError::Truncated { found: 4, expected: 8 })));
    // A sparse file of 3 GiB is refused by its length alone.
    let sparse = folder.path().join("sparse");
    std::fs::File::create(&sparse).unwrap().set_len(3 << 30).unwrap();
    assert!(matches!(Model::read(&sparse).unwrap_err().kind, FileErrorKind::Format(FormatError::Length { .. })));
}

/// A file is read piece by piece; it must be taken or refused as its bytes are.
#[test]
#[cfg(not(target_family = "wasm"))] // no temporary folder
fn files_are_refused_as_their_bytes_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.syq");
    for model in [small(Codebook::Ternary), eight_bit()] {
        let good = model.to_bytes().unwrap();
        let cuts = [0, 1, 7, 8, 9, good.len() / 2, good.len() - 1].map(|len| good[..len].to_vec());
        let damaged = (0..good.len()).step_by(good.len() / 97).map(|index| {
            let mut bytes = good.clone();
            bytes[index] ^= 0x11;
            bytes
        });
        let longer = [good.as_slice(), &[0; 4]].concat();
        for bytes in cuts.into_iter().chain(damaged).chain([longer, good.clone()]) {
            std::fs::write(&path, &bytes).unwrap();
            match (Model::read(&path), Model::from_bytes(&bytes)) {
                (Err(error), Err(expected)) => assert_eq!(error.to_string(), format!("{}: {expected}", path.display())),
                (read, expected) => assert_eq!(read.unwrap(), expected.unwrap()),
            }
        }
    }
}

/// Tensors longer than a piece, and of lengths that no piece divides.
#[test]
#[cfg(not(target_family = "wasm"))] // no temporary folder
fn large_tensors_are_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.syq");
    for first_last in [FirstLast::Float, FirstLast::EIGHT_BIT] {
        let activation = ActivationQuantizer { bits: BitWidth::Two, range: ActivationRange::Learned };
        let (codebook, granularity) = (Codebook::Ternary, Granularity::Pixel);
        let scheme = Scheme::Quantized { codebook, granularity, activation, first_last };
        let model = Model::random(Architecture::VggSmall.build(scheme, 32, 10), 7).unwrap();
        model.write(&path).unwrap();
        assert!(Model::read(&path).unwrap() == model, "from a file");
        assert!(Model::from_bytes(&model.to_bytes().unwrap()).unwrap() == model, "from memory");
    }
}
