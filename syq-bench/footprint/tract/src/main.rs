//! Runs an ONNX network on an empty image and prints the likeliest class.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io::Cursor;
use tract_onnx::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: footprint MODEL")?;
    let shape = [1, 3, 32, 32];
    let model =
        tract_onnx::onnx().with_ignore_value_info(true).model_for_read(&mut Cursor::new(std::fs::read(path)?))?;
    let model = model.with_input_fact(0, f32::fact(shape).into())?.into_optimized()?.into_runnable()?;
    let image = Tensor::zero::<f32>(&shape)?;
    let outputs = model.run(tvec!(image.into()))?;
    let logits: Vec<f32> = outputs[0].to_plain_array_view::<f32>()?.iter().copied().collect();
    let best = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b]));
    println!("{}", best.ok_or("no logits")?);
    Ok(())
}
