//! Scratch: times a network.
#![allow(clippy::print_stdout)]
use syq_core::{ActivationQuantizer, ActivationRange, BitWidth, Codebook, Granularity};
use syq_infer::{Session, SessionOptions};
use syq_pack::Model;
use syq_pack::zoo::{Architecture, FirstLast, Scheme};
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let a: Vec<String> = std::env::args().collect();
    let net = Architecture::from_name(&a[1]).ok_or("net")?;
    let (w, b): (u32, u32) = (a[2].parse()?, a[3].parse()?);
    let threads: usize = a[4].parse()?;
    let isa = a.get(5).map(|n| syq_infer::Isa::from_name(n)).transpose()?;
    let scheme = if w == 32 {
        Scheme::Float
    } else {
        Scheme::Quantized {
            codebook: if w == 1 { Codebook::Binary } else { Codebook::Ternary },
            granularity: Granularity::Pixel,
            activation: ActivationQuantizer { bits: BitWidth::try_from(b)?, range: ActivationRange::Learned },
            first_last: if a.get(6).is_some() { FirstLast::EightBit } else { FirstLast::Float },
        }
    };
    let network = net.build(scheme, net.image(), 1000);
    let model = Model::random(network, 1)?;
    let mut s = Session::new(&model, SessionOptions { threads, isa })?;
    let n = s.plan().input().len();
    let x: Vec<f32> = (0..n).map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0).collect();
    let mut t = Vec::new();
    let begin = std::time::Instant::now();
    let mut sum = 0.0;
    while t.len() < 5 || begin.elapsed().as_secs_f64() < 2.5 {
        let st = std::time::Instant::now();
        let l = s.run(&x)?;
        sum += l[0];
        t.push(st.elapsed().as_secs_f64() * 1e3);
    }
    t.sort_by(f64::total_cmp);
    println!(
        "{} W{w}A{b} {threads} threads: median {:.3} ms, min {:.3} ({} runs, {sum})",
        a[1],
        t[t.len() / 2],
        t[0],
        t.len()
    );
    Ok(())
}
