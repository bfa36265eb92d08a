//! What became of the layers with weights: the master weights with their codes, scales and steps, for
//! whoever keeps a record of a run.

use super::Graph;
use crate::error::TrainError;
use crate::layers::WeightSource;
use crate::metrics::histogram::{Histogram, LayerHistogram};
use crate::metrics::layers::{CodedRow, LayerRow};
use syq_core::{Granularity, WeightNormalization, WeightQuantizer, WeightShape};
use syq_pack::network::{Op, Resolved, Source};

/// One layer with weights.
#[derive(Clone, Copy, Debug)]
struct View<'a> {
    name: &'a str,
    shape: WeightShape,
    weights: &'a [f32],
    coded: Option<(WeightQuantizer, &'a [f32])>,
    activation_step: Option<f32>,
}

impl Graph {
    /// A row for each subgroup of each layer with weights, in the network's order.
    ///
    /// # Errors
    /// Weights that cannot be quantized any more (NaN, infinity).
    pub fn layer_rows(&self, step: u64, epoch: f64) -> Result<Vec<LayerRow>, TrainError> {
        let mut rows = Vec::new();
        for view in self.views()? {
            let granularity = view.coded.map_or(Granularity::Layer, |(quantizer, _)| quantizer.granularity());
            let sums = sums(&view, granularity)?;
            for (subgroup, sum) in sums.iter().enumerate() {
                let share = |count: u64| count as f64 / sum.weights.max(1) as f64;
                let scale = view.coded.and_then(|(_, scales)| scales.get(subgroup));
                rows.push(LayerRow {
                    step,
                    epoch,
                    layer: view.name.to_owned(),
                    subgroup,
                    coded: scale.map(|scale| CodedRow { scale: *scale, shares: sum.codes.map(share) }),
                    activation_step: view.activation_step,
                    mean_abs: sum.absolute / sum.weights.max(1) as f64,
                });
            }
        }
        Ok(rows)
    }

    /// Where the master weights of every layer lie, in the network's order.
    ///
    /// # Errors
    /// A network that does not fit together.
    pub fn weight_histograms(&self) -> Result<Vec<LayerHistogram>, TrainError> {
        // A threshold of normalised weights lies elsewhere among those that are not.
        let comparable = self.options.weight_normalization == WeightNormalization::None;
        let threshold = |view: &View<'_>| {
            let coded = view.coded.filter(|_| comparable);
            coded.map(|(quantizer, _)| quantizer.threshold(view.weights))
        };
        let histogram = |view: View<'_>| LayerHistogram {
            layer: view.name.to_owned(),
            shape: [view.shape.filters, view.shape.kernel[0], view.shape.kernel[1], view.shape.channels],
            threshold: threshold(&view),
            weights: Histogram::new(view.weights),
        };
        Ok(self.views()?.into_iter().map(histogram).collect())
    }

    fn views(&self) -> Result<Vec<View<'_>>, TrainError> {
        let resolved = self.network.resolve()?;
        let value = |name: String| self.parameters.iter().find(|p| p.name == name).map(|p| p.values.as_slice());
        let mut views = Vec::new();
        for (index, (layer, geometry)) in
            self.network.layers.iter().zip(resolved.layers.iter().map(|layer| layer.geometry)).enumerate()
        {
            let (Some(geometry), Some(weights)) = (geometry, value(format!("{}.weight", layer.name))) else { continue };
            let source = self.coded.iter().find(|coded| coded.name == layer.name).map(|coded| coded.source);
            let coded = match source {
                Some(WeightSource::Codebook { quantizer, scales }) => {
                    self.parameters.get(scales).map(|scales| (quantizer, scales.values.as_slice()))
                }
                _ => None,
            };
            // A step of 0 has not seen a batch yet.
            let step = self.input_quantizer(&resolved, index).and_then(|name| value(format!("{name}.step")));
            let activation_step = step.and_then(|step| step.first().copied()).filter(|step| *step != 0.0);
            views.push(View { name: &layer.name, shape: (&geometry).into(), weights, coded, activation_step });
        }
        Ok(views)
    }

    /// Name of the activation quantizer whose codes layer `index` reads; pooling and flattening pass them on.
    fn input_quantizer(&self, resolved: &Resolved, mut index: usize) -> Option<&str> {
        loop {
            let Some(Source::Layer(source)) = resolved.layers.get(index)?.inputs.first() else { return None };
            let layer = self.network.layers.get(*source)?;
            match layer.op {
                Op::Quantize(_) => return Some(&layer.name),
                Op::MaxPool(_) | Op::Flatten => index = *source,
                _ => return None,
            }
        }
    }
}

/// Sums over the weights of one subgroup.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    weights: u64,
    absolute: f64,
    /// Weights with the codes −1, 0 and +1.
    codes: [u64; 3],
}

fn sums(view: &View<'_>, granularity: Granularity) -> Result<Vec<Sums>, TrainError> {
    let mut codes = vec![0i8; view.weights.len()];
    if let Some((quantizer, _)) = view.coded {
        quantizer.quantize(view.name, view.weights, view.shape, &mut codes)?;
    }
    let subgroups = granularity.subgroups(view.shape.kernel).max(1);
    let run = view.shape.subgroup_len(granularity).max(1);
    let mut sums = vec![Sums::default(); subgroups];
    // Runs of a subgroup follow each other in memory as the kernel's positions do, filter by filter.
    for (index, (weights, codes)) in view.weights.chunks(run).zip(codes.chunks(run)).enumerate() {
        let Some(sum) = sums.get_mut(index % subgroups) else { continue };
        sum.weights += weights.len() as u64;
        sum.absolute += weights.iter().map(|weight| f64::from(weight.abs())).sum::<f64>();
        for (count, code) in sum.codes.iter_mut().zip([-1, 0, 1]) {
            *count += codes.iter().filter(|found| **found == code).count() as u64;
        }
    }
    Ok(sums)
}
