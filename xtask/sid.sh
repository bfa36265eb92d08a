# shellcheck shell=bash
# Sourced by `xtask/targets.sh` and `xtask/musl.sh`, with `root` set: a folder with Debian sid, its toolchain, and this repository
# and cargo's registry at the paths that they have outside. Sets `repository` and `registry`; gives `inside`.
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
registry=${CARGO_HOME:-$HOME/.cargo}/registry
apt=(apt-get -o Acquire::Check-Valid-Until=false -y --no-install-recommends)

if [[ ! -e $root/usr/bin/rustc ]]; then
    [[ -e $root/usr/bin/apt-get ]] || debootstrap --variant=minbase --include=gcc,ca-certificates sid "$root"
    cp /etc/resolv.conf "$root/etc/"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    for architecture in arm64 i386 s390x; do chroot "$root" dpkg --add-architecture $architecture; done
    chroot "$root" "${apt[@]}" update
    chroot "$root" "${apt[@]}" install rustc cargo rust-src lld nodejs qemu-user wasi-libc libstd-rust-dev-wasm32 \
        gcc-aarch64-linux-gnu gcc-i686-linux-gnu gcc-s390x-linux-gnu \
        libc6-dev-arm64-cross libc6-dev-i386-cross libc6-dev-s390x-cross
    # The libraries of one architecture beside those of another.
    chroot "$root" "${apt[@]}" install libstd-rust-dev:arm64 libstd-rust-dev:i386 libstd-rust-dev:s390x
fi

for folder in /proc /dev "$repository" "$registry"; do
    mkdir -p "$root$folder" "$folder"
    mountpoint -q "$root$folder" || mount --bind "$folder" "$root$folder"
done

# Runs a command in the folder, in the repository, with these variables and those before it (`inside NAME=VALUE… COMMAND…`).
inside() {
    chroot "$root" env -i --chdir="$repository" PATH=/usr/local/bin:/usr/bin:/bin HOME=/root LANG=C.UTF-8 \
        CARGO_HOME="$(dirname "$registry")" SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt "$@"
}
