#!/usr/bin/env bash
# Installs what a part of the project needs and the machine lacks: `scripts/install.sh run`, or `scripts/install.sh test`.
#
# It asks only for what is missing: on a machine that has everything it does nothing and needs no network.
# Needs Rust, gcc, Python, Node and, where something is missing, apt with the right to use it.
set -euo pipefail

what=${1:-run}
say() { printf 'install: %s\n' "$*" >&2; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# packages PROBE PACKAGE...: installs the packages unless the probe (a shell command) succeeds.
missing=()
packages() {
    local probe=$1
    shift
    if ! eval "$probe" >/dev/null 2>&1; then missing+=("$@"); fi
}

packages 'pkg-config --exists vpx' pkg-config libvpx-dev
packages 'command -v cmake' cmake
packages 'command -v nasm' nasm # OpenH264 encodes three times as fast with it
if [ "$what" = test ]; then
    packages 'command -v chromium && command -v chromedriver' chromium chromium-driver
    packages 'command -v firefox-esr' firefox-esr
    packages 'command -v ip && command -v nft' iproute2 nftables
    packages 'command -v turnserver' coturn
    packages 'command -v openssl' openssl
    packages 'ls /usr/lib/llvm-*/lib/libclang.so' libclang-dev # BoringSSL's bindings are made with it
    packages 'test -e /usr/include/usrsctp.h' libusrsctp-dev
    packages 'command -v tshark' tshark
    packages 'command -v pkill' procps
    packages 'command -v pulseaudio' pulseaudio # browsers need a sound device, be it one that plays into nothing
    packages 'python3 -m venv --help' python3-venv
fi
if [ ${#missing[@]} -gt 0 ]; then
    say "apt: ${missing[*]}"
    as_root apt-get update -q >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends "${missing[@]}" >&2
fi

[ "$what" = test ] || exit 0

# tool BINARY CRATE: installs a program from crates.io unless it is there.
tool() {
    command -v "$1" >/dev/null || {
        say "cargo: $2"
        cargo install --locked --quiet "$2" >&2
    }
}
tool cargo-nextest cargo-nextest
tool cargo-fuzz cargo-fuzz
tool geckodriver geckodriver

# aiortc, the Python peer of the interop tests, in an environment of its own.
aiortc=1.16.0
if ! .tools/python/bin/python -c "import aiortc; assert aiortc.__version__ == '$aiortc'" 2>/dev/null; then
    say "pip: aiortc $aiortc"
    python3 -m venv .tools/python
    .tools/python/bin/pip install --quiet "aiortc==$aiortc" numpy >&2
fi
