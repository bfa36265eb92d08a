//! Completions and manual pages: each command and flag is in them, and bash accepts its script.
#![cfg(feature = "cli")]
#![allow(clippy::print_stderr, reason = "a skipped check is said aloud")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn syq(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_syq")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(arguments: &[&str]) -> String {
    let output = syq(arguments);
    assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

const COMMANDS: [&str; 7] = ["classify", "eval", "info", "verify", "bench", "completions", "man"];

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = text(&["completions", shell]);
        for word in COMMANDS.into_iter().chain(["granularity", "jsonl"]) {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let unknown = syq(&["completions", "csh"]);
    assert_eq!(unknown.status.code(), Some(2));
    let Ok(mut bash) = Command::new("bash").args(["-n", "/dev/stdin"]).stdin(Stdio::piped()).spawn() else {
        eprintln!("skipped: this machine has no bash to read its script");
        return;
    };
    bash.stdin.take().unwrap().write_all(text(&["completions", "bash"]).as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
}

#[test]
fn every_command_has_a_page() {
    let main = text(&["man"]);
    assert!(main.contains(".TH syq 1") && main.contains("Exit codes: 0 all well"), "{main}");
    for command in COMMANDS {
        assert!(main.contains(&format!("syq\\-{command}(1)")), "{command}: {main}");
        let page = text(&["man", command]);
        assert!(
            page.contains(&format!(".TH syq\\-{command} 1")) || page.contains(&format!(".TH syq-{command} 1")),
            "{page}"
        );
        assert!(page.contains(&format!("syq {command}")) || page.contains(&format!("syq\\-{command}")), "{page}");
    }
    assert!(text(&["man", "classify"]).contains("\\-\\-jsonl"));
    let unknown = syq(&["man", "dance"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("no command dance; there are classify, eval"));
}
