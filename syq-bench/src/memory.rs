//! How much memory this process takes, where the system tells (Linux).

/// The resident size in 10⁶ bytes.
pub fn resident_mb() -> Option<f64> {
    megabytes("VmRSS:")
}

/// The largest resident size so far, in 10⁶ bytes.
pub fn peak_mb() -> Option<f64> {
    megabytes("VmHWM:")
}

/// A line of `/proc/self/status`.
fn megabytes(name: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}
