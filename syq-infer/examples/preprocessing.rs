//! Preprocessing of one's own instead of the model's recipe: a camera's grey frame, cut square and reduced by averaging,
//! as a normalised tensor. `cargo run --release -p syq-infer --example preprocessing`
#![allow(clippy::print_stdout, reason = "an example prints its answer")]

use syq_infer::{Engine, builtin};

/// A grey frame `[row][column]`, one byte a pixel.
struct Frame {
    height: usize,
    width: usize,
    pixels: Vec<u8>,
}

impl Frame {
    /// The mean of the pixels that one pixel of the centre square, `side` pixels wide when reduced, stands for.
    fn reduced(&self, side: usize, row: usize, column: usize) -> f32 {
        let square = self.height.min(self.width);
        let (top, left) = ((self.height - square) / 2, (self.width - square) / 2);
        let range = |index: usize| index * square / side..((index + 1) * square / side).max(index * square / side + 1);
        let mut sum = 0.0;
        let (rows, columns) = (range(row), range(column));
        for y in rows.clone() {
            for x in columns.clone() {
                sum += f32::from(self.pixels[(top + y) * self.width + left + x]);
            }
        }
        sum / (rows.len() * columns.len()) as f32
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // What a driver would deliver: a bright disc on a dark ground.
    let (height, width) = (480, 640);
    let disc =
        |index: usize| ((index / width).abs_diff(240).pow(2) + (index % width).abs_diff(320).pow(2) < 14400) as u8;
    let frame = Frame { height, width, pixels: (0..height * width).map(|index| 40 + 180 * disc(index)).collect() };

    let engine = Engine::from_bytes(builtin(), None)?;
    let shape = engine.plan().input();
    // The tensor is `[row][column][channel]`; means and deviations are those that the network was trained with.
    let (mean, std) = ([0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]);
    let mut tensor = Vec::with_capacity(shape.len());
    for row in 0..shape.height {
        for column in 0..shape.width {
            let grey = frame.reduced(shape.height, row, column) / 255.0;
            tensor.extend((0..shape.channels).map(|channel| (grey - mean[channel]) / std[channel]));
        }
    }
    let logits = engine.session(1)?.run(&tensor)?;
    for best in syq_infer::topk::top_k(&logits, 3) {
        println!("{:6.2} %  {}", 100.0 * best.probability, engine.labels()[best.index]);
    }
    Ok(())
}
