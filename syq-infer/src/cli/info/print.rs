//! The description of a model as a person reads it.

use super::Info;
use super::layers::LayerInfo;
use crate::cli::output::{bytes, one_line};
use std::io::{Result, Write};

pub(super) fn print(out: &mut impl Write, info: &Info<'_>) -> Result<()> {
    let [height, width, channels] = info.input;
    writeln!(out, "model        {} ({})", one_line(&info.name), info.file)?;
    writeln!(out, "sha256       {}", info.sha256)?;
    writeln!(out, "file         {}", bytes(info.bytes))?;
    writeln!(out, "input        {height}x{width}x{channels}")?;
    writeln!(out, "classes      {}", info.labels.len())?;
    origin(out, info)?;
    let totals = info.totals;
    if let Some(bits) = totals.bits_per_weight {
        writeln!(out, "weights      {}, {bits:.3} bits each", totals.weights)?;
    }
    if let Some(bits) = totals.bits_per_quantized_weight {
        writeln!(out, "  quantized  {}, {bits:.3} bits each with their scales", totals.quantized_weights)?;
    }
    writeln!(out, "multiply-accumulates  {}, {} of them quantized", totals.macs, totals.quantized_macs)?;
    let memory = info.memory;
    writeln!(
        out,
        "memory       {} for one picture: {} of packed weights and {} of feature maps",
        bytes(memory.one_picture),
        bytes(memory.weights),
        bytes(memory.one_picture - memory.weights)
    )?;
    writeln!(out, "             {} at the peak, with the model that is read", bytes(memory.peak))?;
    writeln!(out, "             {} for a batch with {} threads", bytes(memory.batch), info.threads)?;
    writeln!(out, "runs on      {} (available: {})", info.isa, info.isas.join(", "))?;
    writeln!(out, "verifiable   {}", if info.golden { "yes" } else { "no: it carries no golden logits" })?;
    writeln!(out)?;
    table(out, &info.layers)
}

fn origin(out: &mut impl Write, info: &Info<'_>) -> Result<()> {
    let origin = info.origin;
    let texts = [
        ("data set", &origin.data_set),
        ("recipe", &origin.recipe),
        ("command", &origin.command),
        ("producer", &origin.producer),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            writeln!(out, "{name:<12} {}", one_line(text))?;
        }
    }
    if let Some(seed) = origin.seed {
        writeln!(out, "seed         {seed}")?;
    }
    if let Some(top1) = origin.top1 {
        let percent = 100.0 * top1.fraction();
        writeln!(out, "top-1        {percent:.2} %, {} of {}", top1.right, top1.total)?;
    }
    Ok(())
}

/// Columns as wide as their longest entry.
fn table(out: &mut impl Write, layers: &[LayerInfo<'_>]) -> Result<()> {
    let head = ["layer", "op", "output", "weights", "bits", "acts", "bytes", "kernel", "float because"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(layers.iter().map(row));
    let mut widths = [0; 9];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn row(layer: &LayerInfo<'_>) -> [String; 9] {
    let [height, width, channels] = layer.output;
    let number = |number: Option<u32>| number.map_or(String::new(), |number| number.to_string());
    let weights = match (layer.codebook, layer.granularity) {
        (Some(codebook), Some(granularity)) => format!("{codebook} {granularity}"),
        (codebook, _) => codebook.unwrap_or_default().to_owned(),
    };
    [
        one_line(&layer.name),
        layer.op.to_owned(),
        format!("{height}x{width}x{channels}"),
        weights,
        number(layer.weight_bits),
        number(layer.activation_bits),
        if layer.bytes == 0 { String::new() } else { layer.bytes.to_string() },
        layer.kernel.clone().unwrap_or_default(),
        layer.float_because.unwrap_or_default().to_owned(),
    ]
}
