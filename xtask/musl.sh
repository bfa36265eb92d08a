#!/usr/bin/env bash
# Builds the static `syq` where rustup's target for musl is out of reach, and verifies it in a folder with nothing else:
# `sudo xtask/musl.sh FOLDER`, where FOLDER is the Debian sid of `xtask/targets.sh`. The standard library is compiled
# from Debian's rust-src; the linker, musl and the unwinder are Zig's, from PyPI. Prints the program's path, size and answer.
# With rustup there is nothing to it: `rustup target add x86_64-unknown-linux-musl` and `cargo build --target …`.
set -euo pipefail
[[ $# -eq 1 ]] || { echo "usage: xtask/musl.sh FOLDER" >&2; exit 2; }
root=$(realpath -m "$1")
source "$(dirname "${BASH_SOURCE[0]}")/sid.sh"
target=x86_64-unknown-linux-musl

if [[ ! -e $root/opt/zig ]]; then
    download=$(mktemp -d)
    pip download --quiet --no-deps --dest "$download" ziglang==0.17.1
    python3 -m zipfile -e "$download"/ziglang-*.whl "$root/opt/zig"
    chmod +x "$root/opt/zig/ziglang/zig"
    rm -r "$download"
fi
# Zig's driver links what it compiles for; rustc's words for another driver are left out.
cat >"$root/usr/local/bin/zig-musl" <<'LINKER'
#!/usr/bin/env bash
arguments=()
for argument in "$@"; do
    case $argument in
        -m64 | -nodefaultlibs | -no-pie | -Wl,-Bdynamic) ;;
        *) arguments+=("$argument") ;;
    esac
done
exec /opt/zig/ziglang/zig cc -target x86_64-linux-musl "${arguments[@]}"
LINKER
chmod +x "$root/usr/local/bin/zig-musl"
inside CARGO_TARGET_DIR=/var/musl RUSTC_BOOTSTRAP=1 \
    CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=/usr/local/bin/zig-musl \
    RUSTFLAGS="-C link-self-contained=no -C target-feature=+crt-static -C relocation-model=static" \
    cargo build --release --locked -Zbuild-std=std,panic_unwind --target $target --package syq-infer --bin syq >&2

program=$root/var/musl/$target/release/syq
alone=$(mktemp -d)
trap 'rm -r "$alone"' EXIT
cp "$program" "$alone/"
file "$program"
stat --format='%s bytes' "$program"
chroot "$alone" /syq verify
