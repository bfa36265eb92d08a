//! The passes against plain loops in f64, with numbers of channels that share no factor with 16.

use super::*;

const BATCH: usize = 3;

fn shapes() -> [Shape; 6] {
    [(4, 4, 16), (8, 2, 32), (3, 5, 3), (1, 1, 10), (5, 7, 17), (2, 3, 80)].map(|(h, w, c)| Shape::new(h, w, c))
}

fn values(seed: usize, len: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0).collect()
}

fn assert_close(found: &[f32], expected: impl Iterator<Item = f64>) {
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f64::from(*f) - e).abs() < 1e-6, "{i}: {f} instead of {e}");
    }
}

#[test]
fn passes_match_plain_loops() {
    let workers = Workers::new(2).unwrap();
    for shape in shapes() {
        let (n, channels) = (BATCH * shape.len(), shape.channels);
        let x = Tensor::new(shape, values(1, n));
        let (r, dy) = (values(2, n), values(3, n));
        let factors = [4, 5, 6].map(|seed| values(seed, channels));
        let of = |which: usize, i: usize| f64::from(factors[which][i % channels]);
        let x_of = |i: usize| f64::from(x.values[i]);
        let mut y = vec![f32::NAN; n];
        let of_floor = |activation| ChannelAffine::new([&factors[0], &factors[1]], activation);
        affine(&workers, &x, None, &of_floor(Activation::Linear), &mut y);
        assert_close(&y, (0..n).map(|i| x_of(i) * of(0, i) + of(1, i)));
        affine(&workers, &x, Some(&r), &of_floor(Activation::Relu), &mut y);
        assert_close(&y, (0..n).map(|i| (x_of(i) * of(0, i) + of(1, i) + f64::from(r[i])).max(0.0)));

        let sums = channel_sums(&workers, &x.values, shape);
        let mut gradient = dy.clone();
        let [sum, product] = batch_norm_sums(&workers, &x, Some(&y), &mut gradient);
        let masked: Vec<f32> = dy.iter().zip(&y).map(|(dy, y)| if *y > 0.0 { *dy } else { 0.0 }).collect();
        assert_eq!(gradient, masked);
        for c in 0..channels {
            let total = |f: &dyn Fn(usize) -> f64| (c..n).step_by(channels).map(f).sum::<f64>();
            let expected = [
                (sums.sum[c], total(&x_of)),
                (sums.sum_of_squares[c], total(&|i| x_of(i) * x_of(i))),
                (sum[c], total(&|i| f64::from(masked[i]))),
                (product[c], total(&|i| f64::from(masked[i]) * x_of(i))),
            ];
            assert!(expected.iter().all(|(f, e)| (f - e).abs() < 1e-5), "{shape} channel {c}: {expected:?}");
        }

        let f =
            BatchNormGradient { gradient: factors[0].clone(), input: factors[1].clone(), constant: factors[2].clone() };
        let mut dx = vec![f32::NAN; n];
        batch_norm_gradient(&workers, &x, &f, &dy, &mut dx);
        assert_close(&dx, (0..n).map(|i| of(0, i) * f64::from(dy[i]) + of(1, i) * x_of(i) + of(2, i)));
        let mut in_place = dy.clone();
        batch_norm_gradient_in_place(&workers, &x, &f, &mut in_place);
        assert_eq!(in_place, dx);
    }
}

#[test]
fn sums_do_not_depend_on_the_threads() {
    for shape in shapes() {
        let x = values(1, 9 * shape.len());
        let sums = |threads| channel_sums(&Workers::new(threads).unwrap(), &x, shape);
        assert_eq!(sums(1), sums(3), "{shape}");
    }
}
