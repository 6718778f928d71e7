#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The OS seam stays small: struct weir_os in lib/os.h has at most 20 functions,
# each under a comment that is its contract (one comment may stand above a few
# functions that no empty line separates).
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

check() {
	if [ ! -f "$1/lib/os.h" ]; then
		echo "lib/os.h: missing"
		return
	fi
	awk '
	/^struct weir_os[ \t]*\{/ { inside = 1; seen = 1; commented = 0; next }
	inside && /^\}/ { inside = 0 }
	!inside { next }
	/\/\*/ { commented = 1 }
	/\(\*[a-z_0-9]+\)[ \t]*\(/ {
		n++
		if (!commented) {
			match($0, /\(\*[a-z_0-9]+\)/)
			print "lib/os.h:" NR ": no contract above " \
				substr($0, RSTART, RLENGTH)
		}
	}
	/^[ \t]*$/ { commented = 0 }
	END {
		if (!seen)
			print "lib/os.h: no struct weir_os"
		else if (n == 0)
			print "lib/os.h: struct weir_os has no functions"
		if (n > 20)
			print "lib/os.h: struct weir_os has " n \
				" functions, more than 20"
	}' "$1/lib/os.h"
}

lint_main
