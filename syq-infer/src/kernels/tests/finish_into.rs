//! One pass over a row against the passes one after the other, by `==`.

use super::support::*;
use crate::kernels::{
    Activation, Affine, Destination, Finish, InputFormat, InputLayout, Keep, Placed, QuantizedKernel, Residual,
};
use syq_core::{BitWidth, Codebook, Levels, Padding, Shape};

#[test]
fn one_pass_is_all_passes() {
    let kernels = all_kernels("one_pass_is_all_passes");
    let mut source = Source::new(47);
    for channels in [16, 32, 48, 64, 96, 160, 176, 7, 33] {
        for width in BitWidth::ALL {
            for (kernel, codebook) in
                QuantizedKernel::ALL.into_iter().flat_map(|kernel| Codebook::ALL.map(|c| (kernel, c)))
            {
                let format = kernel.format(codebook, width);
                for case in 0..6 {
                    let shape = Shape::new(1 + source.below(3), 1 + source.below(5), channels);
                    let groups = if channels % 32 == 0 { 1 + source.below(2) } else { 1 };
                    let padding = Padding { left: source.below(2), right: source.below(3), ..Padding::NONE };
                    let layout = InputLayout::new(format, shape, padding, groups).unwrap();
                    let whole = layout.row(0).start..layout.row(shape.height - 1).end;
                    let values = awkward(&mut source, shape.len());
                    let residual = awkward(&mut source, shape.len());
                    let (scale, offset) = (source.floats(channels), source.floats(channels));
                    let bias = source.floats(channels);
                    let finish = Finish {
                        bias: (case == 5).then_some(&bias[..]),
                        affine: (case != 4).then_some(Affine { scale: &scale, offset: &offset }),
                        residual: (case % 3 > 0).then_some(&residual[..]),
                        activation: source.pick(&[Activation::Identity, Activation::Relu]),
                    };
                    let with_floats = case % 3 == 2 || source.below(2) == 1;
                    let with_codes = source.below(4) > 0;
                    for &kernels in &kernels {
                        let levels = levels(width.largest());
                        let mut finished = values.clone();
                        kernels.finish(&mut finished, channels, &finish).unwrap();
                        let mut placed = vec![7; layout.len()];
                        let rows = finished.chunks(shape.width * channels).enumerate().filter(|_| with_codes);
                        for (y, values) in rows {
                            kernels.place_values(values, levels, &layout, &mut placed[layout.row(y)]).unwrap();
                        }

                        let (mut found, mut elements) = (values.clone(), vec![7; layout.len()]);
                        let mut floats = residual.clone();
                        let added = match case % 3 {
                            0 => Residual::Nothing,
                            1 => Residual::Values(&residual),
                            _ => Residual::InPlace,
                        };
                        let to = Destination {
                            keep: Keep::Finished,
                            floats: with_floats.then_some(&mut floats[..]),
                            placed: with_codes.then_some(Placed {
                                layout,
                                levels,
                                columns: shape.width,
                                elements: &mut elements[whole.clone()],
                            }),
                        };
                        let without = Finish { residual: None, ..finish };
                        kernels.finish_into(&mut found, channels, &without, added, to).unwrap();
                        let what = format!("{} {} {channels} channels, case {case}", kernels.isa(), format.name());
                        assert_eq!(bits(&found), bits(&finished), "{what}");
                        assert_eq!(elements, placed, "{what}");
                        assert_eq!(bits(&floats), bits(if with_floats { &finished } else { &residual }), "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_does_not_fit_one_pass_is_refused() {
    let kernels = all_kernels("what_does_not_fit_one_pass_is_refused");
    let shape = Shape::new(1, 3, 32);
    let layout = InputLayout::new(InputFormat::Planes(BitWidth::Two), shape, Padding::NONE, 1).unwrap();
    let (ones, short) = (vec![1.0; 32], vec![1.0; 31]);
    let run = |kernels: crate::kernels::Kernels,
               scale: &[f32],
               residual,
               floats: Option<&mut [f32]>,
               [columns, elements]: [usize; 2]| {
        let mut elements = vec![0; elements];
        let levels: Levels = levels(3);
        let affine = Some(Affine { scale, offset: &ones });
        let finish = Finish { affine, ..Finish::default() };
        let placed = Some(Placed { layout, levels, columns, elements: &mut elements });
        let to = Destination { keep: Keep::Anything, floats, placed };
        kernels.finish_into(&mut vec![0.5; 96], 32, &finish, residual, to)
    };
    for kernels in kernels {
        assert!(run(kernels, &ones, Residual::Nothing, None, [3, 6]).is_ok());
        assert!(run(kernels, &short, Residual::Nothing, None, [3, 6]).is_err());
        assert!(run(kernels, &ones, Residual::Values(&short), None, [3, 6]).is_err());
        assert!(run(kernels, &ones, Residual::InPlace, None, [3, 6]).is_err());
        assert!(run(kernels, &ones, Residual::Nothing, Some(&mut [0.0; 95]), [3, 6]).is_err());
        assert!(run(kernels, &ones, Residual::Nothing, None, [3, 5]).is_err());
        // Two columns are no rows of three pixels, four none of the layout's, and none are none.
        for columns in [0, 2, 4] {
            assert!(run(kernels, &ones, Residual::Nothing, None, [columns, 6]).is_err());
        }
    }
}

/// Floats among which are NaN, infinities, zeros of both signs and halves.
fn awkward(source: &mut Source, len: usize) -> Vec<f32> {
    let mut values = source.floats(len);
    for value in values.iter_mut().step_by(5) {
        *value = source.pick(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 0.5, 1.5, -1.0]);
    }
    values
}
