#!/usr/bin/env bash
# Runs `cargo xtask targets` in a folder with Debian sid, whose toolchain has the standard libraries of all its targets:
# `sudo xtask/targets.sh FOLDER [TARGET]...`. The folder is made by debootstrap (about 3 GB) and used again.
# Needs root, debootstrap, and xtask built (`cargo build -p xtask`). The first run takes half an hour, most of it emulation.
set -euo pipefail
[[ $# -ge 1 ]] || { echo "usage: xtask/targets.sh FOLDER [TARGET]..." >&2; exit 2; }
root=$(realpath -m "$1")
shift
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
apt=(apt-get -o Acquire::Check-Valid-Until=false -y --no-install-recommends)

if [[ ! -e $root/usr/bin/rustc ]]; then
    [[ -e $root/usr/bin/apt-get ]] || debootstrap --variant=minbase --include=gcc,ca-certificates sid "$root"
    cp /etc/resolv.conf "$root/etc/"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    for architecture in arm64 i386 s390x; do chroot "$root" dpkg --add-architecture $architecture; done
    chroot "$root" "${apt[@]}" update
    chroot "$root" "${apt[@]}" install rustc cargo lld nodejs qemu-user wasi-libc libstd-rust-dev-wasm32 \
        gcc-aarch64-linux-gnu gcc-i686-linux-gnu gcc-s390x-linux-gnu \
        libc6-dev-arm64-cross libc6-dev-i386-cross libc6-dev-s390x-cross
    # The libraries of one architecture beside those of another.
    chroot "$root" "${apt[@]}" install libstd-rust-dev:arm64 libstd-rust-dev:i386 libstd-rust-dev:s390x
fi

registry=${CARGO_HOME:-$HOME/.cargo}/registry
for folder in /proc /dev "$repository" "$registry"; do
    mkdir -p "$root$folder" "$folder"
    mountpoint -q "$root$folder" || mount --bind "$folder" "$root$folder"
done
cp "${CARGO_TARGET_DIR:-$repository/target}/debug/xtask" "$root/usr/local/bin/xtask"
exec chroot "$root" env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/root LANG=C.UTF-8 CARGO_TARGET_DIR=/var/targets \
    CARGO_HOME="$(dirname "$registry")" SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt xtask targets "$@"
