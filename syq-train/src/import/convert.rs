//! From the tensors of a state dict to the parameters of our graph.

use super::error::ImportErrorKind;
use super::file::{Foreign, is_float};
use super::mismatch::{Expected, Mismatch};
use super::slots::{Norm, Order, Slots};
use crate::graph::Tensors;
use crate::layers::BatchNormSettings;
use std::collections::BTreeSet;
use syq_pack::Network;

/// The parameters of `network`, under the names of its graph. `epsilon` is the ε of the batch norms there.
///
/// # Errors
/// Every tensor that does not fit, at once; else the first value that no network can have.
pub(super) fn parameters(network: &Network, foreign: &Foreign<'_>, epsilon: f64) -> Result<Tensors, ImportErrorKind> {
    let slots = Slots::new(network, &network.resolve()?, foreign);
    let mismatch = compare(&network.name, &slots, foreign);
    if !mismatch.is_empty() {
        return Err(mismatch.into());
    }
    let mut tensors = Tensors::new();
    for slot in &slots.slots {
        let values = foreign.values(&slot.name)?;
        tensors.insert(slot.target.clone(), reorder(values, slot.order));
    }
    for norm in &slots.norms {
        batch_norm(&mut tensors, norm, foreign, epsilon)?;
    }
    Ok(tensors)
}

/// Everything in which the file and the network differ.
fn compare(network: &str, slots: &Slots, foreign: &Foreign<'_>) -> Mismatch {
    let mut mismatch = Mismatch { network: network.to_owned(), ..Mismatch::default() };
    let mut wanted = BTreeSet::new();
    for slot in &slots.slots {
        wanted.insert(slot.name.as_str());
        let usual = || Expected { name: slot.name.clone(), shape: slot.shapes.first().cloned().unwrap_or_default() };
        match foreign.found(&slot.name) {
            None => mismatch.missing.push(usual()),
            Some(found) if !slot.shapes.contains(&found.shape) || !is_float(&found.dtype) => {
                mismatch.different.push((usual(), found));
            }
            Some(_) => {}
        }
    }
    let others = foreign.names().filter(|name| !wanted.contains(name));
    mismatch.unexpected = others.filter_map(|name| foreign.found(name)).collect();
    mismatch
}

fn reorder(values: Vec<f32>, order: Order) -> Vec<f32> {
    match order {
        Order::Same | Order::ChannelsLast { positions: 1, .. } => values,
        Order::ChannelsLast { channels, positions } => {
            let mut here = Vec::with_capacity(values.len());
            for filter in values.chunks_exact(channels * positions) {
                for position in 0..positions {
                    here.extend(filter.iter().skip(position).step_by(positions));
                }
            }
            here
        }
    }
}

/// Makes γ·(x + b − μ)/√(σ² + ε) of there out of the ε of here: γ is multiplied by √(σ² + ε here) /
/// √(σ² + ε there) in f64 and rounded once, and the bias b moves into the mean. The variance stays what
/// it is, so that training goes on from true statistics.
fn batch_norm(tensors: &mut Tensors, norm: &Norm, foreign: &Foreign<'_>, epsilon: f64) -> Result<(), ImportErrorKind> {
    let here = f64::from(BatchNormSettings::default().epsilon);
    let variance = tensors.get(&format!("{}.running_variance", norm.name)).cloned().unwrap_or_default();
    if let Some(index) = variance.iter().position(|variance| *variance < 0.0) {
        let name = format!("{}.running_var", norm.name);
        let name = foreign.found(&name).map_or(name, |found| found.name);
        return Err(ImportErrorKind::Variance { name, index, value: variance[index] });
    }
    if let Some(gamma) = tensors.get_mut(&format!("{}.gamma", norm.name)) {
        for (gamma, variance) in gamma.iter_mut().zip(&variance) {
            let variance = f64::from(*variance);
            *gamma = (f64::from(*gamma) * ((variance + here) / (variance + epsilon)).sqrt()) as f32;
        }
    }
    if let Some(bias) = norm.folded_bias.as_ref().and_then(|bias| tensors.remove(bias))
        && let Some(mean) = tensors.get_mut(&format!("{}.running_mean", norm.name))
    {
        mean.iter_mut().zip(&bias).for_each(|(mean, bias)| *mean -= bias);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_come_last() {
        // Two filters, three channels, a kernel of two positions: channel c at position p is 10·c + p.
        let there: Vec<f32> = [0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121].map(|v| v as f32).to_vec();
        let here = reorder(there.clone(), Order::ChannelsLast { channels: 3, positions: 2 });
        assert_eq!(here, [0, 10, 20, 1, 11, 21, 100, 110, 120, 101, 111, 121].map(|v| v as f32));
        assert_eq!(reorder(there.clone(), Order::ChannelsLast { channels: 6, positions: 1 }), there);
        assert_eq!(reorder(there.clone(), Order::Same), there);
    }
}
