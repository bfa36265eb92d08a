//! The programs that are compared. Their sources are in `syq-bench/footprint`, a package each.

/// Which model file a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Ours.
    Packed,
    /// ONNX.
    Onnx,
}

/// A program of the comparison.
#[derive(Clone, Copy, Debug)]
pub(super) struct Program {
    pub(super) name: &'static str,
    /// The folder under `syq-bench/footprint`.
    pub(super) package: &'static str,
    /// Features of the package that are turned on.
    pub(super) features: &'static [&'static str],
    pub(super) format: Format,
}

const fn program(name: &'static str, package: &'static str, features: &'static [&'static str]) -> Program {
    Program { name, package, features, format: Format::Packed }
}

const fn onnx(name: &'static str) -> Program {
    Program { name, package: name, features: &[], format: Format::Onnx }
}

/// Reads a file and runs nothing.
pub(super) const BASELINE: Program = program("nothing", "none", &[]);

/// The engine alone and with each of its features, then the peers.
pub(super) const PROGRAMS: [Program; 7] = [
    program("syq-infer", "syq", &[]),
    program("syq-infer, fs", "syq", &["fs"]),
    program("syq-infer, threads", "syq", &["threads"]),
    program("syq-infer, picture", "syq", &["picture"]),
    onnx("rten"),
    onnx("tract"),
    onnx("ort"),
];
