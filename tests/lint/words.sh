#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Words that have no place in the tree: notes to oneself, paths of somebody's
# machine, hosts of package archives; a sleep in a test, which orders nothing.
# Each source begins with its licence. (/home/visitor is inside the machine that
# tests/fresh.sh makes.)
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

check() {
	(cd "$1" && find .ci .github debian -type f 2>/dev/null) >"$tmp/ci"
	sources "$1" '*.[ch]' '*.in' '*.ac' '*.am' '*.inc' '*.sh' '*.py' \
		'*.pml' '*.map' '*.[1378]' README NEWS quickstart '*.yml' |
	cat - "$tmp/ci" |
	grep -v -e '^tests/lint/words\.sh$' -e '^Makefile\.in$' \
		-e '^config\.' -e '^libtool$' >"$tmp/list"
	while IFS= read -r file; do
		grep -nE '(^|[^A-Za-z_])(TODO|FIXME|XXX|HACK|WIP)([^A-Za-z_]|$)' \
			"$1/$file" | sed "s|^|$file: a note to oneself: |"
		grep -nE '(^|[^A-Za-z0-9_.~$}])/(work|home|Users)/' \
			"$1/$file" | grep -v /home/visitor |
			sed "s|^|$file: a path of one machine: |"
		grep -niE '(^|[^a-z])deb(-src)?[ 	]+(\[[^]]*\] *)?[a-z+]+://|(--|_|-)(index-url|registry)[ =]' \
			"$1/$file" | sed "s|^|$file: a package host: |"
		case $file in
		tests/*.[ch])
			grep -nE '(^|[^A-Za-z0-9_])(sleep|usleep|nanosleep|clock_nanosleep|thrd_sleep|Sleep)[ \t]*\(' \
				"$1/$file" | sed "s|^|$file: a sleep: |" ;;
		tests/*.sh)
			grep -nE '^[^#]*(^|[ 	;&|(])sleep[ 	]+[0-9.$]' \
				"$1/$file" | sed "s|^|$file: a sleep: |" ;;
		esac
		head -n 3 "$1/$file" | grep -q SPDX-License-Identifier && continue
		case $file in
		*.[ch]|*.sh|*.py|*.pml|*.ac|*.am|*.inc|*.[1378])
			echo "$file: no licence in the first lines" ;;
		esac
	done <"$tmp/list"
}

lint_main
