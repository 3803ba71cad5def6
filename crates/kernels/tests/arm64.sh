#!/bin/sh
# Runs the tests of this crate for arm64: NEON, dotprod and i8mm kernels.
#
# On an arm64 machine that is plain `cargo test`. On x86-64 with Debian or Ubuntu it unpacks a compiler with
# the arm64 standard library, a linker and the qemu emulator from the distribution's packages into
# .cache/arm64, without installing anything, and runs the tests on emulated processors:
# `max` has everything, `cortex-a76` has dotprod only, `cortex-a72` neither.
set -eu
cd "$(dirname "$0")/../../.."

case $(uname -m) in aarch64 | arm64) exec cargo test --release -p kernels ;; esac

skip() {
  echo "skipped: arm64 kernels: $1"
  exit 0
}
[ "$(uname -m)" = x86_64 ] || skip "no emulator is set up for $(uname -m)"
command -v apt-get dpkg >/dev/null || skip "needs the packages of Debian or Ubuntu (apt-get, dpkg)"

dir=$PWD/.cache/arm64
usr=$dir/root/usr
target=aarch64-unknown-linux-gnu

# Names of packages and of everything they need.
needs() {
  apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances "$@" | grep '^[a-z]' | sort -u
}

# apt-get for arm64 packages, with lists of its own.
apt_arm64() {
  apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::Lists="$dir/apt/lists" \
    -o Dir::Cache="$dir/apt/cache" -o Dir::State::status=/dev/null "$@"
}

set_up() {
  rm -rf "$dir"
  mkdir -p "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial" "$dir/host" "$dir/arm64" "$dir/bin"
  packages=$(needs rustc-web gcc-aarch64-linux-gnu libc6-dev-arm64-cross | grep -E \
    '^(rustc-web|libstd-rust-web.*|libllvm[0-9.]+|libz3-4|libedit2|libbsd0|libmd0|.*-aarch64-linux-gnu|.*-arm64-cross)$')
  # shellcheck disable=SC2086
  (cd "$dir/host" && apt-get -q download $packages qemu-user-static)
  (cd "$dir/arm64" && apt_arm64 update && apt_arm64 download libstd-rust-web-dev)
  for package in "$dir"/host/*.deb "$dir"/arm64/*.deb; do dpkg -x "$package" "$dir/root"; done
  rm -r "$dir/host" "$dir/arm64" "$dir/apt"

  gcc=$(ls -d "$usr"/lib/gcc-cross/aarch64-linux-gnu/*/ | sort -V | tail -n 1)
  version=$(basename "$gcc")
  ln -sf "$usr/bin/aarch64-linux-gnu-ld" "$dir/bin/ld"
  cat >"$dir/bin/rustc" <<X
#!/bin/sh
export LD_LIBRARY_PATH=$usr/lib/x86_64-linux-gnu
exec $usr/bin/rustc --sysroot $usr "\$@"
X
  cat >"$dir/bin/arm64-gcc" <<X
#!/bin/sh
export PATH=$usr/bin:\$PATH LD_LIBRARY_PATH=$usr/lib/x86_64-linux-gnu
exec aarch64-linux-gnu-gcc-$version -B$dir/bin -B$gcc -B$usr/aarch64-linux-gnu/lib \\
  -L$usr/aarch64-linux-gnu/lib -L$gcc "\$@"
X
  chmod +x "$dir/bin/rustc" "$dir/bin/arm64-gcc"
  touch "$dir/ready"
}

# In a shell of its own, which stops at the first error.
if [ "${1-}" = --set-up ]; then
  set_up
  exit
fi
[ -e "$dir/ready" ] || sh crates/kernels/tests/arm64.sh --set-up || skip "the packages could not be fetched (try apt-get update)"

# tests CPU [FILTER...]: the tests on one emulated processor.
tests() {
  cpu=$1
  shift
  echo "== $cpu"
  RUSTC=$dir/bin/rustc CARGO_TARGET_DIR=$PWD/target/arm64 \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=$dir/bin/arm64-gcc \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C target-feature=+crt-static" \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="$usr/bin/qemu-aarch64-static -cpu $cpu" \
    cargo test --release -p kernels --lib --tests --target $target -- "$@"
}

tests max
# What a processor lacks must not be run on it.
tests cortex-a76 codes instruction_set limits
tests cortex-a72 codes instruction_set limits
