//! Installs the peers, and makes their models and ours.
//!
//! A peer that cannot be installed or exported is told of here and stands in the report as not run;
//! only our own models must be there.

use crate::bench::say;
use crate::{cargo, repository};
use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use syq_bench::peers::{FirstLast, Tools, own};
use syq_bench::problem::Quantization;
use syq_pack::zoo::Architecture;

/// The peers' programs, from the top of the repository.
pub(crate) const PEERS: &str = "syq-bench/peers";

/// Makes whatever is missing in `dir`.
pub(super) fn run(
    dir: &Path,
    networks: &[Architecture],
    batches: &[usize],
    schemes: &[(Quantization, FirstLast)],
) -> anyhow::Result<Tools> {
    let (source, models) = (repository().join(PEERS), dir.join("models"));
    std::fs::create_dir_all(&models).with_context(|| format!("cannot make {}", models.display()))?;
    let python = environment(&source, dir, "requirements.txt", "venv");
    let tflite = environment(&source, dir, "requirements-tflite.txt", "venv-tflite");
    attempt("rten and tract", build(&source, &dir.join("rust")))?;
    for network in networks {
        own::write_float_twin(&models, *network)?;
    }
    for (name, python, script, batches, made) in [
        ("ONNX and OpenVINO", &python, "export_onnx.py", &[0][..], "ov8.bin"),
        ("TFLite", &tflite, "export_tflite.py", batches, "int8.tflite"),
    ] {
        for batch in batches {
            let suffix = if *batch == 0 { made.to_owned() } else { format!("b{batch}.{made}") };
            let missing = |network: &&Architecture| !is_newer(&models, network.name(), &suffix);
            for network in networks.iter().filter(missing) {
                let mut command = Command::new(python.as_deref().unwrap_or(Path::new("python3")));
                command.arg(source.join(script)).arg(&models);
                command.args((*batch > 0).then(|| batch.to_string())).arg(network.name());
                attempt(&format!("{name} of {}", network.name()), call(&mut command))?;
            }
        }
    }
    for network in networks {
        for (scheme, format) in schemes {
            let made = own::write_model(&models, *network, *scheme, *format);
            made.with_context(|| format!("{} {} {}", network.name(), scheme.name(), format.name()))?;
        }
    }
    Ok(Tools {
        models,
        python: python.unwrap_or_else(|| dir.join("venv/bin/python")),
        worker: source.join("worker.py"),
        rust: dir.join("rust/release/peer"),
        own: (std::env::current_exe()?, vec![crate::WORKER.to_owned()]),
    })
}

/// Whether an export is there and not older than the network that it was made from.
fn is_newer(models: &Path, network: &str, suffix: &str) -> bool {
    let time = |suffix: &str| std::fs::metadata(models.join(format!("{network}.{suffix}"))).and_then(|m| m.modified());
    matches!((time(suffix), time("json")), (Ok(made), Ok(from)) if made >= from)
}

/// The Python of an environment with the packages of a list; `None`, and said so, if there is none.
pub(crate) fn environment(source: &Path, dir: &Path, list: &str, name: &str) -> Option<PathBuf> {
    let made = make_environment(&source.join(list), &dir.join(name));
    let python = made.as_ref().ok().cloned();
    // Whether standard error can be written is found out by the next who writes.
    attempt(&format!("the packages of {list}"), made).ok().and(python)
}

fn make_environment(list: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let (python, installed) = (folder.join("bin/python"), folder.join("installed.txt"));
    let wanted = std::fs::read_to_string(list).with_context(|| format!("cannot read {}", list.display()))?;
    if python.exists() && std::fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    say(&format!("installing {}", list.display()))?;
    call(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    call(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--no-input", "--requirement"]).arg(list))?;
    std::fs::write(&installed, wanted)?;
    Ok(python)
}

fn build(source: &Path, target: &Path) -> anyhow::Result<()> {
    let mut command = cargo();
    command.args(["build", "--quiet", "--release", "--locked", "--manifest-path"]).arg(source.join("rust/Cargo.toml"));
    call(command.arg("--target-dir").arg(target))
}

/// Says what went wrong, and goes on.
fn attempt<T>(what: &str, result: anyhow::Result<T>) -> anyhow::Result<()> {
    match result {
        Ok(_) => Ok(()),
        Err(error) => say(&format!("{what}: {error:#}; to be reported as not run")),
    }
}

/// Runs a program whose output belongs on standard error.
pub(crate) fn call(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_owned();
    let status = command.stdin(Stdio::null()).stdout(std::io::stderr()).env("PYTHONDONTWRITEBYTECODE", "1").status();
    let status = status.with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(status.success(), "{} failed: {status}", program.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_older_than_its_network_is_made_again() {
        let folder = std::env::temp_dir().join(format!("syq-setup-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = |name: &str| std::fs::write(folder.join(name), b"x").unwrap();
        file("net.ov8.bin");
        assert!(!is_newer(&folder, "net", "ov8.bin"), "no network");
        std::thread::sleep(std::time::Duration::from_millis(20));
        file("net.json");
        assert!(!is_newer(&folder, "net", "ov8.bin"), "older");
        std::thread::sleep(std::time::Duration::from_millis(20));
        file("net.ov8.bin");
        assert!(is_newer(&folder, "net", "ov8.bin"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
