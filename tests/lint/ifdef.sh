#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The seam: no test of an operating system outside the backends, the installed
# platform header, the tests' one helper and the tools' one header; and no
# system's own header included by the portable core.
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

check() {
	sources "$1" '*.[ch]' '*.h.in' '*.cc' '*.cpp' |
	grep -Ev '^lib/(linux|win32|darwin|portable)/' |
	grep -Ev '^(lib/weir/platform\.h|tests/t\.c|tools/platform\.h)$' |
	grep -E '^(lib|tools|tests|bpf)/' >"$tmp/list"
	while IFS= read -r file; do
		awk -v file="$file" '
		BEGIN {
			n = split("_WIN32 _WIN64 WIN32 WIN64 __WIN32__ " \
				"__WIN32 __CYGWIN__ __MINGW32__ __MINGW64__ " \
				"__MSYS__ _MSC_VER linux __linux __linux__ " \
				"__gnu_linux__ __APPLE__ __MACH__ " \
				"__FreeBSD__ __NetBSD__ __OpenBSD__ " \
				"__DragonFly__ unix __unix __unix__ " \
				"__ANDROID__ __HAIKU__ __sun OS_LINUX " \
				"OS_WIN32 OS_DARWIN", name, " ")
			for (i = 1; i <= n; i++)
				os[name[i]] = 1
			# in the core the number of a call tests the kernel
			os_pattern = file ~ /^lib\// ? \
				"^(__NR_|SYS_|TARGET_OS_)" : "^TARGET_OS_"
		}
		# a directive may go on behind a backslash
		{ line = more ? line " " $0 : $0; more = 0 }
		/\\$/ { more = 1; sub(/\\$/, "", line); next }
		line ~ /^[ \t]*#[ \t]*(if|ifdef|ifndef|elif)/ {
			text = line
			gsub(/[^A-Za-z0-9_]/, " ", text)
			n = split(text, word, " ")
			for (i = 2; i <= n; i++)
				if (word[i] in os || word[i] ~ os_pattern)
					print file ":" NR ": tests " word[i]
		}
		line ~ /^[ \t]*#[ \t]*include[ \t]*<((linux|asm|mach|libkern|os)\/|windows\.h|winsock2\.h|sys\/(epoll|eventfd|event|syscall|prctl|signalfd|timerfd|memfd)\.h)/ &&
		file ~ /^lib\// {
			print file ":" NR ": a system header in the portable core: " line
		}' "$1/$file"
	done <"$tmp/list"
}

lint_main
