#!/usr/bin/env bash
# Runs `cargo xtask targets` in a folder with Debian sid, whose toolchain has the standard libraries of all its targets:
# `sudo xtask/targets.sh FOLDER [TARGET]...`. The folder is made by debootstrap (about 3 GB) and used again.
# Needs root, debootstrap, and xtask built (`cargo build -p xtask`). The first run takes half an hour, most of it emulation.
set -euo pipefail
[[ $# -ge 1 ]] || { echo "usage: xtask/targets.sh FOLDER [TARGET]..." >&2; exit 2; }
root=$(realpath -m "$1")
shift
source "$(dirname "${BASH_SOURCE[0]}")/sid.sh"

cp "${CARGO_TARGET_DIR:-$repository/target}/debug/xtask" "$root/usr/local/bin/xtask"
inside CARGO_TARGET_DIR=/var/targets xtask targets "$@"
