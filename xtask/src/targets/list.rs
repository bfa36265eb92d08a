//! The targets, what runs their programs here, and what is run on each.

/// A processor and system that the project is tested on beside the one at hand.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) triple: &'static str,
    /// The program that links, where it is not rustc's own choice.
    pub(super) linker: Option<&'static str>,
    /// The program that runs what was built, with its arguments, if it does not run by itself; `{repository}` stands for the
    /// checkout.
    pub(super) runner: &'static [&'static str],
    /// Debian's packages of all that it needs.
    pub(super) packages: &'static str,
    pub(super) steps: &'static [Step],
}

/// One call of cargo.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) command: &'static str,
    /// What chooses features other than the default ones.
    pub(super) features: &'static [&'static str],
    pub(super) arguments: &'static [&'static str],
    /// Random cases of each property.
    pub(super) proptest_cases: &'static str,
}

const fn step(
    name: &'static str,
    command: &'static str,
    arguments: &'static [&'static str],
    proptest_cases: &'static str,
) -> Step {
    Step { name, command, features: &[], arguments, proptest_cases }
}

/// The codebook mathematics, packing, the file reader and the reference executor.
const CORE_AND_PACK: [&str; 6] = ["--package", "syq-core", "--package", "syq-pack", "--lib", "--tests"];
/// The kernels beside plain loops, the planner, the preprocessing.
const KERNELS: [&str; 3] = ["--package", "syq-infer", "--lib"];
/// A network of odd shapes in every scheme beside the reference executor.
const CONTRACT: [&str; 7] = ["--package", "syq-infer", "--test", "contract", "--", "odd", "resnet20"];
/// The library without threads, which wasm does not have.
const WITHOUT_THREADS: [&str; 3] = ["--no-default-features", "--features", "picture"];
/// The built-in network, its golden logits among it.
const VERIFY: [&str; 7] = ["--release", "--package", "syq-infer", "--bin", "syq", "--", "verify"];

/// All of them; `features` are those of the library, where not the default ones are tested.
const fn steps(proptest_cases: &'static str, features: &'static [&'static str]) -> [Step; 4] {
    [
        VERIFY_BUILT_IN,
        step("tests of syq-core, syq-pack", "test", &CORE_AND_PACK, proptest_cases),
        Step { features, ..step("unit tests of syq-infer: kernels, plan", "test", &KERNELS, proptest_cases) },
        Step { features, ..step("numeric contract: odd shapes, ResNet-20", "test", &CONTRACT, proptest_cases) },
    ]
}

const VERIFY_BUILT_IN: Step = step("syq verify, built-in network", "run", &VERIFY, "1");
const EMULATED: [Step; 4] = steps("8", &[]);
const NATIVE: [Step; 4] = steps("256", &[]);
const WASM: [Step; 4] = steps("256", &WITHOUT_THREADS);
const STATIC: [Step; 1] = [VERIFY_BUILT_IN];

pub(super) const TARGETS: [Target; 5] = [
    Target {
        triple: "aarch64-unknown-linux-gnu",
        linker: Some("aarch64-linux-gnu-gcc"),
        runner: &["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"],
        packages: "libstd-rust-dev:arm64 gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user",
        steps: &EMULATED,
    },
    Target {
        triple: "wasm32-wasip1",
        linker: Some("wasm-ld"),
        runner: &["node", "--no-warnings", "{repository}/xtask/src/targets/wasi.mjs"],
        packages: "libstd-rust-dev-wasm32 lld wasi-libc nodejs",
        steps: &WASM,
    },
    // `syq` in one file without a C library beside it: rustup's target is all that it needs, Debian has none (`xtask/musl.sh`).
    Target {
        triple: "x86_64-unknown-linux-musl",
        linker: None,
        runner: &[],
        packages: "none; rustup target add x86_64-unknown-linux-musl",
        steps: &STATIC,
    },
    // 32 bits.
    Target {
        triple: "i686-unknown-linux-gnu",
        linker: Some("i686-linux-gnu-gcc"),
        runner: &["/usr/i686-linux-gnu/lib/ld-linux.so.2", "--library-path", "/usr/i686-linux-gnu/lib"],
        packages: "libstd-rust-dev:i386 gcc-i686-linux-gnu libc6-dev-i386-cross",
        steps: &NATIVE,
    },
    // The most significant byte first. QEMU 7.2 miscalculates there (sums of f64), 11.1 does not.
    Target {
        triple: "s390x-unknown-linux-gnu",
        linker: Some("s390x-linux-gnu-gcc"),
        runner: &["qemu-s390x", "-L", "/usr/s390x-linux-gnu"],
        packages: "libstd-rust-dev:s390x gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user",
        steps: &EMULATED,
    },
];
