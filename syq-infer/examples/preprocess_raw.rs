//! Prepares raw RGB pictures from standard input as a recipe says and writes the bytes that the
//! network would see: `tests/fixtures/resize/compare.py` compares them with Pillow's and OpenCV's.
//!
//! Input, again and again until its end: one line `height width input_height input_width recipe`,
//! the recipe in the JSON of the model file, then `height · width · 3` bytes.

use std::io::{BufRead, Read, Write};
use syq_core::Shape;
use syq_infer::preprocess::Preprocessor;
use syq_infer::rgb::RgbImage;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut input = std::io::stdin().lock();
    let mut output = std::io::stdout().lock();
    let mut line = String::new();
    while input.read_line(&mut line)? > 0 {
        let mut words = line.trim_end().splitn(5, ' ');
        let mut number = || words.next().unwrap_or_default().parse::<usize>();
        let [height, width, input_height, input_width] = [number()?, number()?, number()?, number()?];
        let recipe = serde_json::from_str(words.next().unwrap_or_default())?;
        let mut pixels = vec![0; height * width * 3];
        input.read_exact(&mut pixels)?;
        let picture = RgbImage::new(height, width, pixels)?;
        let preprocessor = Preprocessor::new(&recipe, Shape::new(input_height, input_width, 3))?;
        output.write_all(&preprocessor.bytes(picture.view())?)?;
        line.clear();
    }
    Ok(())
}
