#!/bin/bash
# Builds the kernel of enclaves on AWS Nitro from Debian's source, and prints its SHA-256:
#
#     enclave/kernel/build.sh OUT          (about 8 minutes of one core, 2 GB)
#
# On Debian 12 with the packages below it is the same bytes each time (bzImage.sha256). Debian's own kernel, which
# images have otherwise, does not see the devices of Nitro: it lacks CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES.
set -euo pipefail
[ $# -eq 1 ] || { echo 'usage: enclave/kernel/build.sh OUT' >&2; exit 2; }
out=$(realpath -m "$1")
here=$(cd "$(dirname "$0")" && pwd)
mirror=${NACRE_DEBIAN_MIRROR:-http://deb.debian.org/debian}
source=pool/main/l/linux/linux-source-6.12_6.12.95-1~bpo12+1_all.deb
sha256=a7fe4673af74236c99dad9766eca714a198e50a07e5d659e63ec312ae6afccfe
needed=(gcc make flex bison bc lz4 libelf-dev xz-utils)
for package in "${needed[@]}"; do
  dpkg -s "$package" >/dev/null 2>&1 || { echo "missing: apt-get install ${needed[*]}" >&2; exit 1; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
curl --fail --silent --show-error --location --output source.deb "$mirror/$source"
echo "$sha256  source.deb" | sha256sum --check --quiet
dpkg-deb --fsys-tarfile source.deb | tar xf - ./usr/src/linux-source-6.12.tar.xz
rm source.deb
mkdir linux
tar xf usr/src/linux-source-6.12.tar.xz -C linux --strip-components 1
rm -r usr
cd linux
make --silent allnoconfig KCONFIG_ALLCONFIG="$here/config"
# An option that this kernel does not have, or that another one rules out, is an error and not silence.
missing=$(grep '^CONFIG_' "$here/config" | grep --invert-match --line-regexp --fixed-strings --file .config || true)
[ -z "$missing" ] || { echo "not in the configuration:" $missing >&2; exit 1; }
export KBUILD_BUILD_TIMESTAMP='2026-01-01' KBUILD_BUILD_USER=nacre KBUILD_BUILD_HOST=nacre
make --silent --jobs "$(nproc)" bzImage
mkdir -p "$(dirname "$out")"
cp arch/x86/boot/bzImage "$out"
sha256sum "$out"
