#!/usr/bin/env bash
# Everything that must hold before a change lands; .ci/run calls it.
#
#   scripts/check.sh          all of it, some 25 minutes on two idle cores
#   scripts/check.sh -quick   what fits in two minutes, for each commit
#   scripts/check.sh -long    all of it, and then what takes longer
#
# It needs Go 1.25, 1.26 or 1.27, and fetches the other two as modules. For the whole
# run it needs gcc, qemu-aarch64-static and aarch64-linux-gnu-gcc, wine64 and
# x86_64-w64-mingw32-gcc (Debian: gcc qemu-user-static gcc-aarch64-linux-gnu
# libc6-dev-arm64-cross wine64 gcc-mingw-w64-x86-64); .ci/run installs them. -long
# also needs qemu-s390x-static, qemu-riscv64-static and qemu-ppc64le-static, of the
# same package, and gcc's address sanitizer (libasan, which comes with gcc).
set -euo pipefail
cd "$(dirname "$0")/.."

quick= long=
case "${1-}" in
-quick) quick=1 ;;
-long) long=1 ;;
'') ;;
*) echo "usage: scripts/check.sh [-quick|-long]" >&2 && exit 2 ;;
esac

rounds=100000 raced=10000
modules=(. benchmarks examples histories)
releases=(go1.25.0 go1.26.8 go1.27.4) # the first is go.mod's
staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
govulncheck=golang.org/x/vuln/cmd/govulncheck@v1.8.0

begun=$SECONDS
tree=$(git status --porcelain)
step() {
	local name=$1 from=$SECONDS
	shift
	echo "== $name"
	if ! "$@"; then
		echo "FAILED: $name" >&2
		exit 1
	fi
	echo "   ($((SECONDS - from)) s)"
}

formatted() {
	local files
	files=$(git ls-files -z -- '*.go' | xargs -0 gofmt -l)
	[ -z "$files" ] || { echo "gofmt would change: $files" && return 1; }
}

in_modules() {
	local m
	for m in "${modules[@]}"; do GOWORK=off go -C "$m" "$@" || return 1; done
}

# go doc and the like complete go.work.sum, in a clone too, where it should stay as it is.
work_sums() {
	local before
	before=$(cat go.work.sum)
	go list -m all >/dev/null || return 1
	[ "$before" = "$(cat go.work.sum)" ] || { echo "go.work.sum lacked sums; it has them now" && return 1; }
}

vet_for() {
	local target
	for target in "$@"; do
		GOOS=${target%/*} GOARCH=${target#*/} CGO_ENABLED=0 go vet ./... || return 1
	done
}

build_for() {
	local target
	for target in "$@"; do
		GOOS=${target%/*} GOARCH=${target#*/} CGO_ENABLED=0 go build ./... || return 1
	done
}

# Two functions side by side; what the first one says comes last.
beside() {
	local out code=0
	out=$(mktemp)
	"$1" >"$out" 2>&1 &
	"$2" || code=1
	wait $! || code=1
	cat "$out"
	rm "$out"
	return $code
}

# The releases of Go that are not the installed one: vet, the short tests, and those
# under the race detector, with the versions that go.mod names (without go.work).
# The installed one runs everything else here, and its vet knows what is newer than
# go.mod's, also in the other modules.
release() {
	local installed
	installed=$(go env GOVERSION)
	[ "${1%.*}" != "${installed%.*}" ] || return 0
	echo "   $1"
	(
		export GOTOOLCHAIN=$1 GOWORK=off
		go vet ./... && go test -vet=off -short ./... && go test -race -short ./...
	)
}
oldest() { release "${releases[0]}" && release "${releases[1]}"; }
newest() { release "${releases[2]}"; }

vet_others() { vet_for windows/amd64 darwin/arm64 freebsd/amd64 js/wasm; }
build_others() {
	build_for netbsd/amd64 openbsd/amd64 dragonfly/amd64 solaris/amd64 aix/ppc64 plan9/amd64 wasip1/wasm linux/riscv64
}
covered() {
	go test -vet=off -race -cover -coverpkg=./... -coverprofile=/dev/null -cpu 4 -rounds 200000 -run NeverMovedByItself .
}
fuzzing() { go test -vet=off -run '^$' -fuzz FuzzReference -fuzztime 15s ./internal/trials; }
histories() { GOWORK=off go -C histories test -vet=off ./...; }
handoff() { go test -vet=off ./internal/inbox -rounds 20000; }
threads() { go test -vet=off ./mainthread ./oslocal -long; }
benched() { go test -vet=off -run '^$' -bench . -benchtime 1x ./...; }
measures() { GOWORK=off go -C benchmarks test -vet=off ./...; }
vet_measures() { GOWORK=off CGO_ENABLED=0 go -C benchmarks vet ./...; }
matrix() { go -C benchmarks run ./matrix -quick; }
purego() { go test -tags purego -short ./...; }
# 32 bits. Not every kernel for amd64 runs programs for 386, and qemu 7.2 does not run
# Go's; then it is arm's turn.
bits32() {
	if GOARCH=386 CGO_ENABLED=0 go test -run '^$' ./internal/bubble >/dev/null 2>&1; then
		GOARCH=386 CGO_ENABLED=0 go test -short ./...
		return
	fi
	echo "   this kernel runs no programs for 386: they are vetted, and arm's tested under qemu"
	vet_for linux/386 && GOARCH=arm CGO_ENABLED=0 go test -exec qemu-arm-static -short ./...
}
no_cgo() { CGO_ENABLED=0 go test -short ./...; }
windows() { scripts/wine/test.sh; }

arm64() {
	GOARCH=arm64 CGO_ENABLED=1 CC=aarch64-linux-gnu-gcc QEMU_LD_PREFIX=/usr/aarch64-linux-gnu \
		go test -exec qemu-aarch64-static -short ./...
}

# What does not depend on rounds or on the race detector, since it runs the go command or
# reads files, has run before: TestDocs in go test ./..., TestPolicy there and in rounds.
rounds() { go test -vet=off -shuffle=on -timeout 20m . ./internal/trials -rounds "$rounds" -long -skip '^TestDocs$'; }
raced() { go test -race -shuffle=on -timeout 20m . ./internal/trials -rounds "$raced" -long -skip '^Test(Docs$|Policy)'; }

# Other processors, of which s390x is big-endian, and no cgo. qemu 7.2's riscv64 hangs
# when the system refuses it a thread, and its ppc64le gives a nil pointer's fault
# another address, so that Go cannot make a panic of it. Where the OS thread is found by a
# system call, a Thread that was unlocked for good is not noticed before the next task.
emulated() {
	local arch skip
	for arch in "$@"; do
		echo "   $arch"
		skip='^$'
		[ "$arch" != riscv64 ] || skip='^TestFaultSystemRefusesThreads$'
		[ "$arch" != ppc64le ] || skip='^(TestBadInput|TestT1UnlockForGoodIsLoud)$'
		GOARCH=$arch CGO_ENABLED=0 go test -exec "qemu-$arch-static" -short -skip "$skip" . ./internal/trials || return 1
	done
}

# The library under a scheduler that tries out its interleavings; see
# docs/reliability.md for longer bounds. It runs one goroutine at a time, which is
# quickest with one processor; so there are two runs, with about as much to do, and the
# mutants beside them.
explore() {
	local dir code=0 half='^TestExplore$/^(ring|ring_of_posts|no_ring.*|two_callers|three_callers|three_give_up|posts|shutdown)$'
	dir=$(mktemp -d)
	go vet -tags ste_explore . ./internal/... &&
		go test -tags ste_explore -c -o "$dir/explore.test" ./internal/orders || return 1
	explored() { (cd internal/orders && exec "$dir/explore.test" -test.timeout 15m "$@"); }
	GOMAXPROCS=1 explored -test.run "$half" &
	local one=$!
	GOMAXPROCS=1 explored -test.run '^TestExplore$' -test.skip "$half" &
	local two=$!
	explored -test.run '^TestMutants$' || code=1
	wait $one || code=1
	wait $two || code=1
	rm -rf "$dir"
	return $code
}

# js/wasm has one thread and no processes: T1, T2 and what needs a child are left
# out, and iter.Pull bodies are not on the Thread there.
wasm() {
	command -v node >/dev/null || { echo "   node is missing: js/wasm is not tested" && return; }
	GOOS=js GOARCH=wasm go test -short -exec "$(go env GOROOT)/lib/wasm/go_js_wasm_exec" \
		-run 'TestT(3|5|7|10|11|12|13|14)|TestT9Callers|TestT8(Waiting|Values)|TestT16(B|O|C|A|L)|TestG(1Inh|1After|2|3Mess|4)|TestTag|TestAttach(FromElse|Misuse|InitF)|TestRunPending$|TestWaker($|Loses)|TestLocal' \
		-skip 'TestT10InPlace/in_an_iter' . ./internal/trials &&
		GOOS=js GOARCH=wasm go test -short -exec "$(go env GOROOT)/lib/wasm/go_js_wasm_exec" ./mainthread
}

# The rest of internal; trials runs with the root package. And pin as a debugger has it
# compiled, without inlining.
race_internal() {
	go list ./internal/... | grep -v '/internal/trials$' | xargs go test -race &&
		go test -gcflags=-l ./internal/pin
}

# This and the next ask for Go 1.26 themselves.
static() { GOTOOLCHAIN=${releases[1]} in_modules run "$staticcheck" ./...; }

# Known vulnerabilities of what the modules use, where the database can be reached.
vulnerabilities() {
	if ! getent hosts vuln.go.dev >/dev/null; then
		echo "   vuln.go.dev cannot be reached: not checked"
		return
	fi
	GOTOOLCHAIN=${releases[1]} in_modules run "$govulncheck" ./...
}

# Root may do everything, so what must be refused is tried as somebody else.
protected() {
	local dir pair code=0
	dir=$(mktemp -d)
	chmod 777 "$dir"
	for pair in audio:OutputProtected netns:WithoutRights; do
		GOWORK=off go -C examples test -c -o "$dir/a.test" "./${pair%:*}" &&
			(cd "$dir" && TMPDIR=$dir setpriv --reuid 65534 --regid 65534 --clear-groups \
				./a.test -test.run "${pair#*:}" -test.v | grep -- "--- PASS: Test${pair#*:}") || code=1
	done
	rm -rf "$dir"
	return $code
}

audio() {
	local dir
	dir=$(mktemp -d)
	go run ./examples/audio -fast -out "$dir/out.wav" && [ -s "$dir/out.wav" ]
	local code=$?
	rm -rf "$dir"
	return $code
}

step "gofmt" formatted
# What is vetted here, go test need not vet in part once more (-vet=off): each time is some
# 20 s of a processor. Under other tags, race among them, it does.
step "go vet" in_modules vet ./...
step "go mod tidy" in_modules mod tidy -diff
step "go.work.sum" work_sums
if [ "$quick" ]; then
	step "go test" go test -vet=off ./...
	step "race detector" go test -race -short ./...
	step "purego" go test -tags purego -short ./...
	step "other systems" vet_for windows/amd64 js/wasm
	echo "All quick checks passed in $((SECONDS - begun)) s."
	exit
fi

step "staticcheck" static
step "known vulnerabilities" vulnerabilities
step "vet for other systems, build for more" beside vet_others build_others
step "examples" env GOWORK=off go -C examples test -vet=off ./...
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	step "examples, without the rights of root" protected
fi
step "audio example" audio
step "go test ./... (the README's command)" go test -vet=off ./...
step "the hand-off, 20,000 rounds; mainthread and oslocal, long" beside handoff threads
step "$rounds rounds, shuffled" rounds
step "race detector, $raced rounds" raced
step "interleavings and mutants" explore
step "fuzzing against the reference; histories are linearizable" beside histories fuzzing
step "race detector, internal; and with coverage" beside covered race_internal
step "other releases of Go" beside oldest newest
step "purego, and 32 bits" beside purego bits32
step "arm64 under qemu, and Windows under Wine" beside arm64 windows
step "without cgo, and js/wasm" beside no_cgo wasm
step "benchmarks; every benchmark once" beside benched measures
step "benchmarks without cgo; the matrix, quick" beside vet_measures matrix
if [ "$long" ]; then
	step "other processors under qemu" emulated s390x riscv64 ppc64le
	step "address sanitizer" env CGO_ENABLED=1 go test -asan -short ./...
fi
step "nothing left in the tree" test "$tree" = "$(git status --porcelain)"
echo "All checks passed in $((SECONDS - begun)) s."
