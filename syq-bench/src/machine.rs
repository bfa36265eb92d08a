//! What the machine is and how busy it is, as far as the standard library and git tell.

use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::{Command, Stdio};
use syq_infer::Isa;

/// The facts that belong to every figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name, or the architecture's where the system does not tell.
    pub cpu: String,
    /// Architecture and operating system, such as `x86_64-linux`.
    pub target: String,
    /// Processors that the program may use.
    pub cores: usize,
    /// The instruction sets that have kernels here, the preferred first.
    pub isas: Vec<String>,
    /// Programs that wanted to run, on the average of the last minute (Linux).
    pub load: Option<f32>,
    /// The commit of the checkout, with `-dirty` if tracked files differ from it.
    pub commit: Option<String>,
}

impl Machine {
    /// Looks at this machine, and at the git checkout in `repository`.
    pub fn detect(repository: &Path) -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let load = read("/proc/loadavg").split_whitespace().next().and_then(|load| load.parse().ok());
        Self {
            cpu: cpu_name(&read("/proc/cpuinfo")).unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            isas: Isa::available().into_iter().map(|isa| isa.name().to_owned()).collect(),
            load,
            commit: commit(repository),
        }
    }
}

/// The first processor's name in `/proc/cpuinfo`, which x86 has and some Arm systems.
fn cpu_name(cpuinfo: &str) -> Option<String> {
    let value = |line: &str| {
        let (key, value) = line.split_once(':')?;
        ["model name", "Model", "Hardware"].contains(&key.trim()).then(|| value.trim().to_owned())
    };
    cpuinfo.lines().find_map(value).filter(|name| !name.is_empty())
}

fn commit(repository: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        let output = command.arg("-C").arg(repository).args(arguments).stdin(Stdio::null()).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changes = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changes.is_empty() { commit } else { commit + "-dirty" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_names() {
        let x86 = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel\t\t: 17\nmodel name\t: AMD EPYC 9R14\n";
        assert_eq!(cpu_name(x86).as_deref(), Some("AMD EPYC 9R14"));
        assert_eq!(cpu_name("processor\t: 0\nBogoMIPS\t: 50.00\n"), None);
    }

    #[test]
    fn a_folder_without_git_has_no_commit() {
        assert_eq!(commit(Path::new("/nowhere at all")), None);
    }
}
