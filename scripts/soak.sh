#!/usr/bin/env bash
# All features at once under a random load, all promises checked all the time.
#
#   scripts/soak.sh 30m              half an hour
#   scripts/soak.sh -race 30m        the same under the race detector, 3 minutes a process
#   scripts/soak.sh -seed 42 30m     the load of an earlier run
#
# It tells every 3 seconds how it goes (every 30 if standard error is no terminal)
# and prints a summary; its exit code is 0 only if all held.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
	echo "usage: scripts/soak.sh [-race] [-seed N] DURATION    (as in 90s, 30m, 12h)" >&2
	exit 2
}

race=() seed=() length=
while [ $# -gt 0 ]; do
	case "$1" in
	-race) race=(-race) ;;
	-seed)
		[[ "${2-}" =~ ^[0-9]+$ ]] || usage
		seed=(-seed "$2")
		shift
		;;
	*)
		[[ -z "$length" && "$1" =~ ^([0-9]+(\.[0-9]+)?(h|m|s))+$ ]] || usage
		length=$1
		;;
	esac
	shift
done
[ -n "$length" ] || usage

# Not go run: that would take the signals and the exit code.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
GOWORK=off go -C benchmarks build ${race[@]+"${race[@]}"} -o "$dir/soak" ./soak
"$dir/soak" ${seed[@]+"${seed[@]}"} -for "$length"
