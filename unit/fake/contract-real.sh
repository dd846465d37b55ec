#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the contract against a real containerd of its own, in mount and network namespaces of its own, and takes everything away again. As root.
# usage: contract-real.sh <build directory> [containerd binary] [options of test-contract-real]
set -eu
if [ $# -lt 1 ]; then
    echo "usage: $0 <build directory> [containerd binary] [options]" >&2
    exit 2
fi
if [ -z "${CONTRACT_INSIDE:-}" ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "contract-real: needs root" >&2
        exit 77
    fi
    if ! unshare --mount --net --pid --fork --mount-proc true; then
        echo "contract-real: no namespaces can be made here" >&2
        exit 77
    fi
    exec env CONTRACT_INSIDE=1 unshare --mount --net --pid --fork --kill-child --mount-proc "$0" "$@"
fi
program=$1/unit/test-contract-real
shift
containerd=containerd
case ${1:-} in ''|--*) ;; *) containerd=$1; shift ;; esac
for tool in "$containerd" runc busybox; do
    if ! command -v "$tool" >/dev/null; then
        echo "contract-real: $tool is missing" >&2
        exit 77
    fi
done

dir=$(mktemp -d)
clean() {
    umount -l "$dir" 2>/dev/null || true
    rmdir "$dir" 2>/dev/null || true
}
trap clean EXIT
trap 'exit 1' INT TERM
mount --make-rprivate /
mount -t tmpfs contract "$dir"
# runc and the shims keep their state below /run.
mount -t tmpfs contract-run /run
mkdir -p "$dir/rootfs/bin" "$dir/rootfs/proc" "$dir/rootfs/dev" "$dir/rootfs/sys"
cp "$(command -v busybox)" "$dir/rootfs/bin/busybox"
cat >"$dir/config.toml" <<EOF
version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"]
EOF
"$containerd" --config "$dir/config.toml" --root "$dir/root" --state "$dir/state" --address "$dir/c.sock" >"$dir/log" 2>&1 &
pid=$!
tries=0
while [ ! -S "$dir/c.sock" ] && [ $tries -lt 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
status=0
"$program" --address "$dir/c.sock" --rootfs "$dir/rootfs" "$@" || status=$?
[ $status -lt 2 ] || tail -5 "$dir/log" >&2
kill "$pid"
wait "$pid" || true
for c in /sys/fs/cgroup/cri-containerd-contract /sys/fs/cgroup/*/cri-containerd-contract; do
    [ ! -d "$c" ] || rmdir "$c" || true
done
exit $status
