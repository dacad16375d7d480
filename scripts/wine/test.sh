#!/usr/bin/env bash
# The short tests as Windows programs, under Wine; scripts/check.sh calls it.
#
# It needs Go, wine64 and x86_64-w64-mingw32-gcc (Debian: wine64
# gcc-mingw-w64-x86-64); .ci/run installs them. Wine's C: is a folder of its own,
# which is removed. Nothing takes longer than LIMIT seconds (600 unless told).
set -euo pipefail
cd "$(dirname "$0")/../.."

limit=${LIMIT:-600}
wine=$(command -v wine64 || command -v wine || echo /usr/lib/wine/wine64)
dir=$(mktemp -d)
export WINEPREFIX=$dir/prefix WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml=
end() {
	# Ends what still runs in this folder, and nothing else.
	timeout 30 "$(server)" -k >/dev/null 2>&1 || true
	rm -rf "$dir"
}
server() { command -v wineserver || echo /usr/lib/wine/wineserver; }
trap end EXIT

timeout -k 10 120 "$wine" wineboot -i >"$dir/boot.txt" 2>&1 || { cat "$dir/boot.txt" && exit 1; }
system=$dir/prefix/drive_c/windows/system32
[ -e "$system/bcryptprimitives.dll" ] ||
	x86_64-w64-mingw32-gcc -shared -O2 -Wall -o "$system/bcryptprimitives.dll" scripts/wine/bcryptprimitives.c -ladvapi32

# tests PACKAGE CGO: from the package's folder, where its testdata is. What passed
# is counted, or a program that ended early would be taken for a good one.
tests() {
	local package=$1 exe=$dir/${1//[.\/]/_}.exe code=0
	GOOS=windows GOARCH=amd64 CGO_ENABLED=$2 CC=x86_64-w64-mingw32-gcc go test -c -o "$exe" "$package"
	(cd "$package" && timeout -k 10 "$limit" "$wine" "$exe" -test.short -test.v) >"$exe.txt" 2>&1 </dev/null || code=$?
	if [ $code != 0 ] || ! grep -q '^PASS' "$exe.txt"; then
		grep -v '^ *--- PASS\|^=== ' "$exe.txt" || true
		echo "   the last lines:"
		tail -n 5 "$exe.txt"
		echo "$package under Wine: failed with $code (124: not done after $limit s)" >&2
		return 1
	fi
	echo "   $package: $(grep -c '^--- PASS' "$exe.txt") passed, $(grep -c '^--- SKIP' "$exe.txt") skipped"
}

tests . 0
tests ./internal/trials 0
tests ./oslocal 1
tests ./mainthread 0
