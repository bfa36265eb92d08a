//! Passes over stretches of weights that follow each other, written so that the compiler makes them of vectors.

/// How many sums, maxima or tests stand beside each other, so that they are made by vectors: the compiler keeps the order of
/// float operations.
const BESIDE: usize = 16;

/// What weights are like.
pub(crate) struct Extent {
    /// max |w| of those that are numbers.
    pub(crate) largest: f32,
    /// Whether there is no NaN and no infinity.
    pub(crate) finite: bool,
}

pub(crate) fn extent(weights: &[f32]) -> Extent {
    let (chunks, rest) = weights.as_chunks::<BESIDE>();
    let (mut largest, mut zeros) = ([0.0f32; BESIDE], [0.0f32; BESIDE]);
    for chunk in chunks {
        for i in 0..BESIDE {
            let w = chunk[i];
            largest[i] = if w.abs() > largest[i] { w.abs() } else { largest[i] };
            // A finite number times zero is zero, and so is the sum of such.
            zeros[i] += w * 0.0;
        }
    }
    let largest = largest.iter().chain(rest).fold(0.0f32, |max, w| max.max(w.abs()));
    Extent { largest, finite: zeros.iter().chain(rest).all(|w| w.is_finite()) }
}

/// Weights of one subgroup that follow each other, and the gradients of what they are quantized to.
pub(crate) struct Run<'a> {
    pub(crate) weights: &'a [f32],
    pub(crate) gradient: &'a [f32],
    pub(crate) threshold: f32,
    /// What the gradient of a weight above the threshold is multiplied with.
    pub(crate) factor: f32,
}

impl Run<'_> {
    /// Writes the gradients of the weights and returns Σ g·sign(W) over those above the threshold.
    pub(crate) fn backward(&self, into: &mut [f32]) -> f64 {
        let each = |w: f32, g: f32| {
            let above = w.abs() > self.threshold;
            let signed = if w >= 0.0 { g } else { -g };
            (if above { self.factor * g } else { g }, f64::from(if above { signed } else { 0.0 }))
        };
        let (weights, rest) = self.weights.as_chunks::<BESIDE>();
        let (gradient, gradient_rest) = self.gradient.as_chunks::<BESIDE>();
        let (into, into_rest) = into.as_chunks_mut::<BESIDE>();
        let mut sums = [0.0f64; BESIDE];
        for ((weights, gradient), into) in weights.iter().zip(gradient).zip(into) {
            for i in 0..BESIDE {
                let sum;
                (into[i], sum) = each(weights[i], gradient[i]);
                sums[i] += sum;
            }
        }
        for (((w, g), into), total) in rest.iter().zip(gradient_rest).zip(into_rest).zip(&mut sums) {
            let sum;
            (*into, sum) = each(*w, *g);
            *total += sum;
        }
        sums.iter().sum()
    }
}
