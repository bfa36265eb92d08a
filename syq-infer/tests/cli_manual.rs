//! Completions and manual pages: each command and flag is in them, and bash accepts its script.
#![cfg(feature = "cli")]
#![allow(clippy::print_stderr, reason = "a skipped check is said aloud")]

mod common;

use common::{Ran, syq};
use std::io::Write;
use std::process::{Command, Stdio};

/// What a command that went well printed.
fn printed(arguments: &[&str]) -> String {
    let Ran { code, out, err } = syq(arguments);
    assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}");
    out
}

const COMMANDS: [&str; 7] = ["classify", "eval", "info", "verify", "bench", "completions", "man"];

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = printed(&["completions", shell]);
        for word in COMMANDS.into_iter().chain(["granularity", "jsonl"]) {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let unknown = syq(&["completions", "csh"]);
    assert_eq!(unknown.code, 2);
    let Ok(mut bash) = Command::new("bash").args(["-n", "/dev/stdin"]).stdin(Stdio::piped()).spawn() else {
        eprintln!("skipped: this machine has no bash to read its script");
        return;
    };
    bash.stdin.take().unwrap().write_all(printed(&["completions", "bash"]).as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
}

#[test]
fn every_command_has_a_page() {
    let main = printed(&["man"]);
    assert!(main.contains(".TH syq 1") && main.contains("Exit codes: 0 all well"), "{main}");
    for command in COMMANDS {
        assert!(main.contains(&format!("syq\\-{command}(1)")), "{command}: {main}");
        let page = printed(&["man", command]);
        assert!(
            page.contains(&format!(".TH syq\\-{command} 1")) || page.contains(&format!(".TH syq-{command} 1")),
            "{page}"
        );
        assert!(page.contains(&format!("syq {command}")) || page.contains(&format!("syq\\-{command}")), "{page}");
    }
    assert!(printed(&["man", "classify"]).contains("\\-\\-jsonl"));
    let unknown = syq(&["man", "dance"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("no command dance; there are classify, eval"));
}
