# lib.sh - what tools/demo and tools/test share: install what is missing, set up a build folder,
# stay quiet unless it fails. To be sourced by a script that has set $top to the checkout. All
# messages go to stderr.

say() {
	printf '%s\n' "$*" >&2
}

die() {
	say "$(basename "$0"): $*"
	exit 1
}

has() {
	command -v "$1" >/dev/null 2>&1
}

# Runs a command without input; shows its output only if it fails.
quietly() {
	output=$("$@" 2>&1 </dev/null) || {
		say "$output"
		return 1
	}
}

# Does this compiler work, and has it the headers of the C library?
compiles() {
	printf '#include <stdlib.h>\n' | "$@" -x c -fsyntax-only - >/dev/null 2>&1
}

# Is there a compiler for this machine, with the headers of the C library, and an emulator?
has_machine() {
	has "qemu-$1-static" && compiles "$2-gcc"
}

# The package with clang's runtime, which has the version in its name.
fuzzer_runtime() {
	apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9][0-9]*\)$/libclang-rt-\1-dev/p' | head -n 1
}

# Prints the Debian packages of those of the named things that are missing here.
missing() {
	for thing; do
		case $thing in
		compiler)
			if [ -n "${CC:-}" ]; then
				# Unquoted: CC may hold a command with arguments, such as "ccache
				# gcc".
				compiles $CC || case "$CC" in
				*clang*) echo clang libc6-dev ;;
				*) echo gcc libc6-dev ;;
				esac
			else
				compiles cc || compiles gcc || compiles clang || echo gcc libc6-dev
			fi
			;;
		meson) has meson || echo meson ;;
		ninja) has ninja || has ninja-build || has samu || echo ninja-build ;;
		python3) has python3 || echo python3 ;;
		pkg-config) has pkg-config || echo pkg-config ;;
		openmpi) { pkg-config --exists ompi-c 2>/dev/null && has mpirun; } || echo libopenmpi-dev openmpi-bin ;;
		joblib) python3 -c 'import joblib' 2>/dev/null || /usr/bin/python3 -c 'import joblib' 2>/dev/null || echo python3-joblib ;;
		numpy) python3 -c 'import numpy' 2>/dev/null || /usr/bin/python3 -c 'import numpy' 2>/dev/null || echo python3-numpy ;;
		spin) has spin || echo spin ;;
		valgrind) has valgrind || echo valgrind ;;
		fuzzer)
			printf 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d && n > 9; }' |
				clang -x c -fsanitize=fuzzer -o /dev/null - >/dev/null 2>&1 || echo clang "$(fuzzer_runtime)"
			;;
		libomp) clang -fopenmp=libomp -include omp.h -x c -shared -o /dev/null /dev/null 2>/dev/null || echo clang libomp-dev ;;
		tbb) echo '#include <tbb/tbb.h>' | "${CXX:-c++}" -std=c++17 -x c++ -fsyntax-only - 2>/dev/null || echo g++ libtbb-dev ;;
		clang-tidy | cppcheck) has "$thing" || echo "$thing" ;;
		gcc | clang) has "$thing" || echo "$thing" libc6-dev ;;
		musl) has musl-gcc || echo musl-tools ;;
		aarch64) has_machine aarch64 aarch64-linux-gnu || echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static ;;
		riscv64) has_machine riscv64 riscv64-linux-gnu || echo gcc-riscv64-linux-gnu libc6-dev-riscv64-cross qemu-user-static ;;
		arm) has_machine arm arm-linux-gnueabihf || echo gcc-arm-linux-gnueabihf libc6-dev-armhf-cross qemu-user-static ;;
		criterion) pkg-config --exists 'criterion >= 2.3' 2>/dev/null || echo libcriterion-dev ;;
		esac
	done
}

# Makes sure that the named things are here. Where there is no apt-get, or no right to use it, names
# the packages and stops.
provide() {
	packages=$(missing "$@" | xargs)
	if [ -n "$packages" ]; then
		has apt-get || die "missing here, by the names of the Debian packages: $packages. Please install them and try again."
		if [ "$(id -u)" -eq 0 ]; then
			as_root=
		else
			sudo -n true 2>/dev/null || die "missing packages. Please run: sudo apt-get install $packages"
			as_root='sudo -n'
		fi
		say "Installing, which may take a minute: $packages"
		apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300"
		# Without fresh lists the old ones may do; the installation tells.
		quietly $apt update || true
		quietly $apt install --yes --no-install-recommends --no-remove $packages ||
			die "cannot install these packages: $packages"
		hash -r
		packages=$(missing "$@" | xargs)
		[ -z "$packages" ] || die "still missing after the installation: $packages. Please look at CC, PATH and PKG_CONFIG_PATH."
	fi
	case $(meson --version) in
	0.*) die "meson $(meson --version) is too old: 1.0 or later is needed. Please install a newer one and try again." ;;
	esac
}

# Makes sure of the named things if it can; else says so and goes on.
provide_if_possible() {
	if [ -n "$(missing "$@" | xargs)" ]; then
		(provide "$@") || say "Going on without some of: $*. What needs them is skipped."
	fi
}

# build_tests FOLDER: builds the library and what the tests need.
build_tests() {
	quietly meson compile -C "$1" --ninja-args="['all', 'meson-test-prereq']"
}

# setup_build FOLDER [OPTION...]: sets the build folder up with these options of meson, unless that
# was done before.
setup_build() {
	if [ ! -f "$1/build.ninja" ]; then
		say "Setting up $1"
		folder=$1
		shift
		quietly meson setup "$folder" "$top" "$@" || die "meson cannot set up $folder"
	fi
}
