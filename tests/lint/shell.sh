#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every shell script in the tree passes shellcheck, whatever its name is.
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

need shellcheck

check() {
	sources "$1" '*' | grep -v -e '^configure$' -e '^config\.' \
		-e '^libtool$' >"$tmp/list"
	while IFS= read -r file; do
		case ${file##*/} in
		*.sh) ;;
		*.*) continue ;;
		*)	head -n 1 "$1/$file" |
				grep -aqE '^#! ?/.*(sh|bash)( |$)' || continue
			# libtool's wrappers and config.status are generated
			head -n 6 "$1/$file" |
				grep -aqi 'generated' && continue ;;
		esac
		# -x: follows "source"; the path is that of the tree. SC2317: a function
		# that is called by a name in a variable is not unreachable.
		(cd "$1" && shellcheck -x -e SC2317 -f gcc "$file") ||
			[ $? -eq 1 ] || echo "$file: shellcheck failed"
	done <"$tmp/list"
}

lint_main
