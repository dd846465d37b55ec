# SPDX-License-Identifier: Apache-2.0
#
# Shared by the scripts in ci/: messages, the cache folder, the package lists and the Go toolchain.
# It is sourced, never run. A script that fails says one sentence through die() and nothing else.

set -u

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PYTHON=${PYTHON:-/usr/bin/python3}      # Debian's own: the grpc module comes from a Debian package

me=$(basename "$0")

say()  { printf '%s\n' "$*"; }
note() { printf '%s: %s\n' "$me" "$*" >&2; }
die()  { note "$*"; exit 1; }

is_root() { [ "$(id -u)" -eq 0 ]; }

# Everything that is built or fetched lives below one folder outside the tree.
cache_dir() {
    local base
    if [ -n "${CRI_CONTAINERD_CACHE:-}" ]; then
        printf '%s\n' "$CRI_CONTAINERD_CACHE"
        return
    fi
    if [ -n "${XDG_CACHE_HOME:-}" ]; then
        base=$XDG_CACHE_HOME
    elif is_root; then
        base=/var/cache
    else
        base=${HOME:-/tmp}/.cache
    fi
    printf '%s/cri-containerd-ci\n' "$base"
}

debian_version() {
    local id=
    [ -r /etc/os-release ] && id=$(. /etc/os-release && printf '%s' "${VERSION_ID:-}")
    printf '%s\n' "${id%%.*}"
}

# --- packages -------------------------------------------------------------------------------------

PKGS_BUILD="meson ninja-build gcc libc6-dev clang libnghttp2-dev libprotobuf-c-dev
    protobuf-c-compiler protobuf-compiler libjansson-dev libsystemd-dev libcurl4-openssl-dev
    libssl-dev zlib1g-dev libzstd-dev libcmocka-dev pkg-config python3 python3-protobuf"
PKGS_RUN="containerd runc crun containernetworking-plugins docker-registry busybox-static iproute2
    iptables nftables util-linux python3-grpcio jq openssl zstd ca-certificates mandoc systemd"
PKGS_PACKAGE="debhelper dpkg-dev lintian mmdebstrap git"
PKGS_VM="qemu-system-x86 e2fsprogs"

# The sanitizers' runtime library carries clang's version in its name.
case $(debian_version) in
12) PKGS_BUILD="$PKGS_BUILD libclang-rt-14-dev" ;;
13) PKGS_BUILD="$PKGS_BUILD libclang-rt-19-dev" ;;
esac

# Where this machine's own packages come from: root file systems of other releases do too.
debian_mirror() {
    local found
    found=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
    [ -n "$found" ] || die "apt knows no repository."
    printf '%s\n' "$found"
}

# package_missing NAME: true when dpkg does not know it as installed.
package_missing() {
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" != "ii " ]
}

missing_packages() {
    local p out=
    for p in "$@"; do
        package_missing "$p" && out="$out $p"
    done
    printf '%s\n' "${out# }"
}

# --- building -------------------------------------------------------------------------------------

jobs() { nproc 2>/dev/null || echo 2; }

# build_dir KIND: where this tree is built in that way; other trees have folders of their own.
build_dir() {
    printf '%s/build-%s-%s\n' "$(cache_dir)" "$(printf '%s' "$TOP" | sha256sum | cut -c 1-8)" "$1"
}

# build_with CC DIR TARGET MESON-OPTION...: configures once, builds TARGET ("all": everything).
# The output goes to DIR.log; what matters of it is shown when it fails.
build_with() {
    local cc=$1 dir=$2 target=$3 log=$2.log
    shift 3
    mkdir -p "$(dirname "$dir")" || return 1
    if [ ! -f "$dir/build.ninja" ]; then
        rm -rf "$dir"
        if ! CC=$cc meson setup "$dir" "$TOP" --werror "$@" >"$log" 2>&1; then
            note "meson setup failed: $(grep -m 1 -E 'ERROR|error' "$log") (the rest is in $log)"
            return 1
        fi
    fi
    if ! ninja -C "$dir" -j "$(jobs)" "$target" >"$log" 2>&1; then
        grep -E -A 2 'error:|undefined reference|ninja: error' "$log" | cut -c 1-200 | head -n 30 >&2
        note "the build failed; all of its output is in $log"
        return 1
    fi
}

build_plain() { build_with gcc "$1" "${2:-all}" -Dbuildtype=debugoptimized; }
build_asan()  { build_with clang "$1" "${2:-all}" -Dbuildtype=debugoptimized -Db_sanitize=address,undefined; }
build_tsan()  { build_with clang "$1" "${2:-all}" -Dbuildtype=debugoptimized -Db_sanitize=thread; }

# --- Go -------------------------------------------------------------------------------------------
#
# The pinned Go programs in ci/ need a newer Go than Debian 12's. The Go project publishes its
# toolchains as a module, so any Go, 1.19 too, can fetch one from the module proxy. Unpacked as a module
# the programs in it are not executable; a newer go command sets the bits itself, here we do.

GO_WANT=1.26.8
GO_LEAST=1.26.2

# version_least A B: true when dotted version A is B or newer.
version_least() {
    [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]
}

go_version_of() { GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null | sed 's/^go//; s/[^0-9.].*//'; }

any_go() { command -v go || { [ -x /usr/lib/go/bin/go ] && echo /usr/lib/go/bin/go; }; }

# find_go: prints the path of a go command that is new enough; fetches one when needed.
find_go() {
    local go have arch dir mod="golang.org/toolchain" tmp
    go=$(any_go) || return 1
    have=$(go_version_of "$go")
    if [ -n "$have" ] && version_least "$have" "$GO_LEAST"; then
        printf '%s\n' "$go"
        return 0
    fi
    arch=$("$go" env GOARCH)
    # Outside of any module, so that no go.mod of ours is read by a Go that is too old for it.
    tmp=$(mktemp -d) || return 1
    dir=$(cd "$tmp" && GOFLAGS=-mod=mod GOTOOLCHAIN=local "$go" mod download -json \
        "$mod@v0.0.1-go$GO_WANT.linux-$arch" 2>/dev/null | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p')
    rm -rf "$tmp"
    [ -n "$dir" ] && [ -d "$dir/bin" ] || return 1
    find "$dir/bin" "$dir/pkg/tool" -type f ! -perm -0111 -exec chmod a+x {} + || return 1
    printf '%s/bin/go\n' "$dir"
}

# use_go: exports GO and what it needs; one sentence when there is none.
use_go() {
    : "${HOME:=/root}"
    export HOME
    any_go >/dev/null || die "no go command was found; ci/deps installs Debian's golang-go."
    GO=$(find_go) || die "Go $GO_LEAST or newer is needed and Go $GO_WANT could not be fetched from the Go module proxy (is there a network?)."
    export GO GOTOOLCHAIN=local GOFLAGS="${GOFLAGS:-} -mod=mod"
    PATH=$(dirname "$GO"):$PATH
    export PATH
}
