#!/bin/sh
# debian_package.sh BUILD CPACK: makes the Debian package and fails unless it holds all that is
# offered, names its needs, and its program runs.
set -eu
build=$1 cpack=$2
command -v dpkg-shlibdeps >/dev/null || { echo "dpkg-shlibdeps is missing: install dpkg-dev" && exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$build" && "$cpack" -G DEB -B "$work/made") >"$work/log" 2>&1 || { cat "$work/log" && exit 1; }
package=$(echo "$work"/made/convtune_*.deb)

dpkg-deb --contents "$package" | awk '{print $6}' >"$work/contents"
for file in bin/convtune include/convtune/conv1d.hpp include/convtune/convtune.h \
  include/convtune/kernels/error.hpp include/convtune/safetensors.hpp \
  'lib/.*libconvtune.so' 'lib/.*libconvtune.so.[0-9.]*' 'lib/.*pkgconfig/convtune.pc' \
  'lib/.*cmake/convtune/convtune-config.cmake' 'lib/.*cmake/convtune/convtune-targets.cmake' \
  lib/python3/dist-packages/convtune/__init__.py \
  lib/python3/dist-packages/convtune/libconvtune.so \
  share/man/man1/convtune.1 share/bash-completion/completions/convtune \
  share/convtune/layers/layers.schema.json share/convtune/layers/grid.schema.json \
  share/convtune/report/__main__.py share/convtune/report/find.js \
  share/convtune/report/templates/page.html.j2 \
  share/doc/convtune/LICENSE share/doc/convtune/copyright share/doc/convtune/CHANGELOG.md \
  share/doc/convtune/README.md share/doc/convtune/THIRD_PARTY_NOTICES; do
  grep -qx "./usr/$file" "$work/contents" || { echo "the package lacks usr/$file" && exit 1; }
done
if grep -vE '^\./usr/' "$work/contents" | grep -vx './'; then
  echo "the package has files outside usr" && exit 1
fi
if grep -E '/(tests|kernels/cuda|gtest|__pycache__)/' "$work/contents"; then
  echo "the package has what only the build needs" && exit 1
fi

field() { dpkg-deb --field "$package" "$1"; }
for needed in libc6 libstdc++6 libsqlite3-0; do
  case $(field Depends) in *"$needed"*) ;; *) echo "Depends lacks $needed" && exit 1 ;; esac
done
dpkg-deb --extract "$package" "$work/root"
"$work/root/usr/bin/convtune" --version | grep -qx "convtune $(field Version | tr '~' .)"
CONVTUNE_DB=$work/none.db "$work/root/usr/bin/convtune" devices >/dev/null
echo "$(basename "$package"): $(field Installed-Size) KiB, $(field Depends)"
