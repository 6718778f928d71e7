# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What the lints share. A lint is a script that defines check(), which prints
# one line per finding about the tree in $1 and nothing else, and then calls
# lint_main. Before a lint is believed it must reject every sample in
# bad/<lint>/: a sample is a small tree, and each line of its file "expect" must
# occur in what is found there. So a lint that finds nothing any more fails.
#
# Usage of every lint: [srcdir=TREE] <lint>.sh [TREE]; the tree is only read.
# Exit: 0 clean, 1 findings, 77 a tool is missing, 99 the lint itself is broken.

LC_ALL=C
export LC_ALL
here=$(dirname "$0")
lint=$(basename "$0" .sh)
tree=${1:-${srcdir:-.}}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/weir-lint.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 99' HUP INT TERM

# need TOOL: without it this lint is skipped, by name.
need() {
	command -v "$1" >/dev/null 2>&1 && return
	echo "SKIP: $lint: no $1 on this machine"
	exit 77
}

# sources DIR PATTERN...: files below DIR, relative to it, without what is
# generated and without the samples.
sources() {
	dir=$1
	shift
	(
		cd "$dir" || exit 1
		for pattern; do
			find . \( -name .git -o -name build-aux -o \
				-name autom4te.cache -o -name .libs -o \
				-name .deps -o -path ./tests/lint/bad -o \
				-path ./build -o -name _build -o -name _inst -o \
				-name 'weir-[0-9]*' \) -prune -o \
				-type f -name "$pattern" -print
		done
	) | sed 's|^\./||' | sort -u
}

lint_main() {
	samples=0
	for sample in "$here/bad/$lint"/*/; do
		[ -d "$sample" ] || continue
		samples=$((samples + 1))
		check "${sample%/}" >"$tmp/found" 2>&1
		if [ ! -s "$tmp/found" ]; then
			echo "$lint: accepts $sample"
			exit 99
		fi
		while IFS= read -r want; do
			grep -qF -- "$want" "$tmp/found" && continue
			echo "$lint: does not find in $sample: $want"
			sed 's/^/	found: /' "$tmp/found"
			exit 99
		done <"$sample/expect" || exit 99
	done
	if [ $samples -eq 0 ]; then
		echo "$lint: has no bad sample"
		exit 99
	fi
	check "$tree" >"$tmp/found" 2>&1
	if [ -s "$tmp/found" ]; then
		cat "$tmp/found"
		echo "$lint: $(wc -l <"$tmp/found") findings"
		exit 1
	fi
	echo "$lint: clean; rejects its $samples bad samples"
	exit 0
}
