//! `cargo xtask tidy`: the rules that this repository keeps and that no compiler checks. It is a test
//! of this package too, so that `cargo test --workspace` holds them.

use anyhow::{Context, ensure};
use std::fmt;
use std::io::{Write, stderr};
use std::path::Path;
use std::process::{Command, Stdio};

/// The entries at the top of the repository.
const TOP: [&str; 22] = [
    ".cargo",
    ".ci",
    ".gitattributes",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "clippy.toml",
    "deny.toml",
    "docs",
    "rustfmt.toml",
    "syq-bench",
    "syq-core",
    "syq-infer",
    "syq-pack",
    "syq-train",
    "xtask",
];

/// Lines that a source file may have.
const MAX_LINES: usize = 400;

/// Files that may be longer, each with the reason.
const LONG: [(&str, &str); 0] = [];

/// Crates that may hold unsafe code, in their folders `src/kernels` alone.
const WITH_KERNELS: [&str; 2] = ["syq-infer", "syq-train"];

/// The one folder beside them that may: a C interface takes pointers, and nothing but unsafe code can believe them.
const C_INTERFACE: &str = "syq-infer/capi/src/";

/// Words that stand for work left undone, in two halves so that this file holds none of them.
const UNDONE: [[&str; 2]; 4] = [["todo", "!("], ["unimplemented", "!("], ["#[ign", "ore"], ["dbg", "!("]];

/// A rule that a file breaks.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    /// The line, from 1; 0 for the whole file.
    line: usize,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.what),
            line => write!(f, "{}:{line}: {}", self.path, self.what),
        }
    }
}

pub(crate) fn run(repository: &Path) -> anyhow::Result<()> {
    let files = files(repository)?;
    let findings = check(repository, &files)?;
    for finding in &findings {
        writeln!(stderr(), "{finding}")?;
    }
    ensure!(findings.is_empty(), "{} findings in {} files", findings.len(), files.len());
    writeln!(stderr(), "{} files are tidy", files.len())?;
    Ok(())
}

/// The files that git tracks and that are there.
fn files(repository: &Path) -> anyhow::Result<Vec<String>> {
    let mut git = Command::new("git");
    git.arg("-C").arg(repository).args(["ls-files", "-z"]).stdin(Stdio::null());
    let output = git.output().context("cannot run git")?;
    ensure!(output.status.success(), "git ls-files failed: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    let names = names.split_terminator('\0').filter(|name| repository.join(name).exists());
    Ok(names.map(str::to_owned).collect())
}

fn check(repository: &Path, files: &[String]) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut find = |path: &str, what: String| findings.push(Finding { path: path.to_owned(), line: 0, what });
    for path in files {
        let top = path.split('/').next().unwrap_or_default();
        if !TOP.contains(&top) {
            find(path, format!("{top} is not among the entries of the top folder (see TOP in xtask/src/tidy.rs)"));
        }
    }
    for (path, reason) in LONG {
        if !files.iter().any(|file| file == path) {
            find(path, format!("is listed as long ({reason}) and does not exist"));
        }
    }
    for path in files.iter().filter(|path| !path.contains("/fixtures/")) {
        let bytes = std::fs::read(repository.join(path)).with_context(|| format!("cannot read {path}"))?;
        // What is no text needs no rules for text.
        if let Ok(text) = str::from_utf8(&bytes) {
            findings.extend(check_text(path, text));
            if path.ends_with(".rs") {
                findings.extend(check_source(path, text));
            }
            if path.ends_with("/src/guide.rs") {
                findings.extend(check_guide(path, text, |page| {
                    let page = repository.join(path).with_file_name(page);
                    std::fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))
                })?);
            }
            if path.ends_with("/Cargo.toml") {
                findings.extend(check_manifest(path, text));
            }
        }
    }
    Ok(findings)
}

fn check_text(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |line, what: &str| findings.push(Finding { path: path.to_owned(), line, what: what.to_owned() });
    for (index, line) in text.split('\n').enumerate() {
        if line.ends_with([' ', '\t', '\r']) {
            find(index + 1, "space at the end of the line");
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        find(0, "no line break at the end");
    }
    findings
}

/// The pages that a `guide.rs` includes are read beside their files, where a link leads to a file, and in rustdoc, where the
/// guide's own definition of the link has to stand before the page's.
fn check_guide(path: &str, text: &str, read: impl Fn(&str) -> anyhow::Result<String>) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let Some(page) = line.strip_prefix("#[doc = include_str!(\"").and_then(|rest| rest.strip_suffix("\")]")) else {
            continue;
        };
        let mut find = |what| findings.push(Finding { path: path.to_owned(), line: index + 1, what });
        for line in read(page)?.lines() {
            let label = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(label, _)| label);
            if let Some(label) = label.filter(|label| !text.contains(&format!("/// [{label}]: "))) {
                find(format!("{page} has a link [{label}] that is not defined here"));
            }
            let inline = line.split("](").skip(1).find(|target| !target.starts_with("http"));
            if let Some(target) = inline.and_then(|target| target.split(')').next()) {
                find(format!("{page} has a link to {target} that rustdoc cannot follow: name it at the page's end"));
            }
        }
    }
    Ok(findings)
}

fn check_source(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |line, what: String| findings.push(Finding { path: path.to_owned(), line, what });
    if !text.starts_with("//! ") {
        find(1, "does not open with a `//!` line that says what lives here".to_owned());
    }
    let (lines, long) = (text.lines().count(), LONG.iter().any(|(listed, _)| *listed == path));
    if long != (lines > MAX_LINES) {
        find(0, format!("{lines} lines, at most {MAX_LINES} unless listed in xtask/src/tidy.rs; listed: {long}"));
    }
    let package = path.split('/').next().unwrap_or_default();
    let root = path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs");
    let kernels = WITH_KERNELS.contains(&package);
    if root && !kernels && !text.contains("\n#![forbid(unsafe_code)]\n") {
        find(0, "does not forbid unsafe code".to_owned());
    }
    let allowed = path.starts_with(C_INTERFACE) || kernels && path.contains("/src/kernels/");
    for (index, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        if !allowed && has_unsafe(code) {
            find(index + 1, "unsafe code outside the kernels folders and the C interface".to_owned());
        }
        if let Some(halves) = UNDONE.iter().find(|halves| code.contains(&halves.concat())) {
            find(index + 1, format!("{} is for work left undone", halves.concat()));
        }
    }
    findings
}

/// Whether a line without its comment has the keyword, before a block or an item. A block that opens
/// on the next line is not seen: rustfmt does not write it so.
fn has_unsafe(code: &str) -> bool {
    code.match_indices("unsafe").any(|(start, word)| {
        let before = code[..start].chars().next_back();
        let after = code[start + word.len()..].trim_start();
        let item = ["{", "fn ", "impl", "extern", "trait"].iter().any(|item| after.starts_with(item));
        item && !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '`')
    })
}

fn check_manifest(path: &str, text: &str) -> Vec<Finding> {
    // A package that is a workspace of its own has its own lints.
    if text.contains("\n[lints]\nworkspace = true\n") || text.contains("\n[workspace]\n") {
        return Vec::new();
    }
    vec![Finding { path: path.to_owned(), line: 0, what: "does not take the lints of the workspace".to_owned() }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    #[allow(clippy::print_stderr, reason = "a check that cannot be made is said aloud")]
    fn this_repository_is_tidy() {
        if !repository().join(".git").exists() {
            eprintln!("skipped: this is no git checkout, so nobody knows which files belong to the repository");
            return;
        }
        let files = files(repository()).unwrap();
        let findings: Vec<String> = check(repository(), &files).unwrap().iter().map(Finding::to_string).collect();
        assert!(findings.is_empty(), "{}", findings.join("\n"));
        assert!(files.iter().any(|file| file == "xtask/src/tidy.rs"), "{files:?}");
    }

    fn source(path: &str, text: &str) -> Vec<(usize, String)> {
        check_source(path, text).into_iter().map(|finding| (finding.line, finding.what)).collect()
    }

    #[test]
    fn each_rule_finds_its_breach() {
        let keyword = "unsafe";
        let good = "//! What lives here.\n#![forbid(unsafe_code)]\n\nfn f() {}\n";
        assert_eq!(source("syq-core/src/lib.rs", good), []);
        assert_eq!(source("syq-core/src/lib.rs", "fn f() {}\n").len(), 2);
        let block = format!("//! A kernel.\nfn f() {{ {keyword} {{ g() }} }}\n");
        for path in ["syq-infer/src/kernels/a.rs", "syq-infer/capi/src/a.rs", "syq-infer/capi/src/lib.rs"] {
            assert_eq!(source(path, &block), [], "{path}");
        }
        let elsewhere = "unsafe code outside the kernels folders and the C interface".to_owned();
        for path in [
            "syq-infer/src/plan/a.rs",
            "syq-core/src/kernels/a.rs",
            "syq-infer/tests/a.rs",
            "syq-infer/capi/tests/a.rs",
            "syq-train/capi/src/a.rs",
        ] {
            assert_eq!(source(path, &block), [(2, elsewhere.clone())], "{path}");
        }
        let comment = format!("//! Text.\n// {keyword} {{ in a comment }}\n");
        assert_eq!(source("syq-core/src/a.rs", &comment), []);
        let long = format!("//! Text.\n{}", "//\n".repeat(MAX_LINES));
        assert_eq!(source("syq-core/src/a.rs", &long).len(), 1);
        let undone = format!("//! Text.\nfn f() {{ {} }}\n", UNDONE[0].concat() + ")");
        assert_eq!(source("syq-core/src/a.rs", &undone).len(), 1);
        assert_eq!(check_text("a.md", "one \ntwo"), check_text("a.md", "one\t\ntwo"));
        assert_eq!(check_text("a.md", "one \ntwo").len(), 2);
        assert_eq!(check_text("a.md", "one\n"), []);
        assert_eq!(check_manifest("a/Cargo.toml", "[package]\n").len(), 1);
        assert_eq!(check_manifest("a/Cargo.toml", "[package]\n\n[lints]\nworkspace = true\n"), []);
    }
    #[test]
    fn links_of_included_pages_are_defined() {
        let guide = "/// [a]: https://a\n#[doc = include_str!(\"../docs/p.md\")]\npub mod p {}\n";
        let findings = |page: &str| {
            let findings = check_guide("g.rs", guide, |_| Ok(page.to_owned())).unwrap();
            findings.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert!(findings("See [a] and [c](https://c).\n\n[a]: ../a.md\n").is_empty());
        assert_eq!(findings("[b]: b.md\n"), ["g.rs:2: ../docs/p.md has a link [b] that is not defined here"]);
        let inline = "g.rs:2: ../docs/p.md has a link to b.md that rustdoc cannot follow: name it at the page's end";
        assert_eq!(findings("See [b](b.md).\n"), [inline]);
    }
}
