//! Runs an ONNX network on an empty image and prints the likeliest class. ONNX Runtime is the shared library that
//! `ORT_DYLIB_PATH` names.
#![forbid(unsafe_code)]

use ort::session::Session;
use ort::value::Tensor;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: footprint MODEL")?;
    let mut session = Session::builder()?.commit_from_memory(&std::fs::read(path)?)?;
    let image = Tensor::from_array(([1usize, 3, 32, 32], vec![0.0f32; 3 * 32 * 32]))?;
    let outputs = session.run(ort::inputs![image])?;
    let (_, logits) = outputs[0].try_extract_tensor::<f32>()?;
    let best = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b]));
    println!("{}", best.ok_or("no logits")?);
    Ok(())
}
