//! `cargo xtask header`: writes the C header from the documentation of `syq-capi`, or checks that it is what would be
//! written. The check is a test of this package too.

use anyhow::{Context, ensure};
use cbindgen::{Builder, Config};
use clap::Args;
use std::io::{Write, stderr};
use std::path::Path;

/// The package, from the top of the repository.
const PACKAGE: &str = "syq-infer/capi";

/// The header, from the package.
const HEADER: &str = "include/syq.h";

/// Flags of `cargo xtask header`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Write nothing, and fail if the header is not what would be written.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(repository: &Path, options: &Options) -> anyhow::Result<()> {
    let package = repository.join(PACKAGE);
    if options.check {
        return check(&package);
    }
    let path = package.join(HEADER);
    std::fs::write(&path, generate(&package)?).with_context(|| format!("cannot write {}", path.display()))?;
    writeln!(stderr(), "{} is written", path.display())?;
    Ok(())
}

/// Fails at the first line in which the header is not what would be written.
fn check(package: &Path) -> anyhow::Result<()> {
    let path = package.join(HEADER);
    let found = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let expected = generate(package)?;
    let lines = found.lines().zip(expected.lines());
    let line = lines.take_while(|(found, expected)| found == expected).count() + 1;
    let advice = "`cargo xtask header` writes it";
    ensure!(found == expected, "{} is not up to date from line {line} on; {advice}", path.display());
    Ok(())
}

/// The text of the header.
fn generate(package: &Path) -> anyhow::Result<String> {
    let config = Config::from_file(package.join("cbindgen.toml")).map_err(anyhow::Error::msg)?;
    let builder = Builder::new().with_config(config).with_src(package.join("src/lib.rs"));
    let mut text = Vec::new();
    builder.generate().context("cbindgen")?.write(&mut text);
    Ok(String::from_utf8(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn the_header_is_what_the_sources_say() {
        check(&repository().join(PACKAGE)).unwrap();
    }

    #[test]
    fn every_exported_function_is_declared_once_and_described() {
        let package = repository().join(PACKAGE);
        let header = generate(&package).unwrap();
        let mut functions = 0;
        for entry in std::fs::read_dir(package.join("src")).unwrap() {
            let source = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            for exported in source.split("#[unsafe(no_mangle)]\n").skip(1) {
                let (_, rest) = exported.split_once(" fn ").unwrap();
                let declared = format!("{}(", rest.split('(').next().unwrap());
                let lines: Vec<&str> = header.lines().collect();
                let is_declaration = |line: &&str| line.contains(&declared) && !line.starts_with(" *");
                let at: Vec<usize> = (0..lines.len()).filter(|&index| is_declaration(&lines[index])).collect();
                assert!(at.len() == 1 && lines[at[0] - 1] == " */", "{declared}: {at:?}");
                functions += 1;
            }
        }
        assert!(functions > 15, "{functions} functions");
    }

    #[test]
    fn a_changed_header_is_found_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let package = repository().join(PACKAGE);
        for name in ["src", "include"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::copy(package.join("cbindgen.toml"), folder.path().join("cbindgen.toml")).unwrap();
        let source = "/// Answers.\n#[unsafe(no_mangle)]\npub extern \"C\" fn answer() -> usize { 42 }\n";
        std::fs::write(folder.path().join("src/lib.rs"), source).unwrap();
        assert!(check(folder.path()).is_err());
        let header = generate(folder.path()).unwrap();
        std::fs::write(folder.path().join(HEADER), &header).unwrap();
        check(folder.path()).unwrap();
        let line = header.lines().position(|line| line.contains("Answers.")).unwrap() + 1;
        std::fs::write(folder.path().join(HEADER), header.replace("Answers.", "Asks.")).unwrap();
        let error = check(folder.path()).unwrap_err().to_string();
        assert!(error.contains(&format!("from line {line} on")), "{error}");
    }
}
