#!/usr/bin/env bash
# Both commands as a newcomer runs them: a clone of HEAD with an empty HOME, in a bare Debian 12 that
# has git, a C++ compiler and Python. Needs root (chroot) and a Debian mirror. The logs of the tests in
# there end in build/logs/fresh.
set -euo pipefail

not_here() { echo "$*" && exit 77; }
((EUID == 0)) || not_here "a chroot needs root"
command -v debootstrap >/dev/null || not_here "debootstrap is missing: run scripts/setup.sh --long"

root=$(mktemp -d)
chmod 755 "$root" # the tests also run as other users
logs=build/logs/fresh
keep_logs() {
  rm -rf "$logs"
  cp -r "$root/home/new/convtune/build/logs" "$logs" 2>/dev/null
}
trap 'keep_logs; rm -rf --one-file-system "$root"' EXIT

# shellcheck disable=SC2016 # apt expands it
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' |
  head -n 1)
[[ -n $mirror ]] || not_here "apt names no Debian 12 mirror: run apt-get update"
debootstrap --variant=minbase --include=ca-certificates,git,g++,python3 bookworm "$root" "$mirror" \
  >"$root.log" 2>&1 || { cat "$root.log" && not_here "debootstrap could not make a bare Debian 12"; }
rm "$root.log"

# The network as this machine has it: names, certificates, pip's settings.
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
mapfile -t settings < <(env | grep -E '^(PIP_|https?_proxy=|no_proxy=)' || true)

mkdir -p "$root/home/new"
git clone --quiet --no-local . "$root/home/new/convtune"

# A mount namespace of its own, so that nothing stays mounted whatever happens.
inside() {
  # shellcheck disable=SC2016 # the inner shell expands it
  unshare --mount --pid --fork --kill-child \
    sh -c 'mount -t proc proc "$0/proc" &&
      mount -t devpts -o newinstance,ptmxmode=0666 devpts "$0/dev/pts" &&
      exec chroot "$0" "$@"' "$root" env -i \
    HOME=/home/new PATH=/usr/sbin:/usr/bin:/sbin:/bin CI=true "${settings[@]}" "$@"
}

SECONDS=0
inside bash /home/new/convtune/scripts/tune.sh
echo "scripts/tune.sh took $SECONDS s"
test -s "$root/home/new/convtune/build/report.html"
inside bash /home/new/convtune/scripts/test.sh
