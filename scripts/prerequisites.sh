# Installs what building and running need, where it is missing. Sourced by ./demo and ./test.
# shellcheck shell=bash

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else return 127; fi
}

have_library() { command -v pkg-config >/dev/null && pkg-config --exists "$@"; }

# Debian packages for what is not there, one a line. Arguments: build, media, browser, netns.
missing_packages() {
    local need
    for need in "$@"; do
        case $need in
            build)
                command -v cc >/dev/null || echo build-essential
                command -v curl >/dev/null || echo curl ca-certificates
                command -v git >/dev/null || echo git
                command -v pkg-config >/dev/null || echo pkg-config
                # Generating the FFmpeg bindings needs clang's library and headers.
                ls /usr/lib/llvm-*/lib/libclang*.so* >/dev/null 2>&1 || echo clang libclang-dev
                have_library libavcodec libavformat libavfilter libavutil libswscale libswresample ||
                    echo libavcodec-dev libavformat-dev libavfilter-dev libavutil-dev libswscale-dev libswresample-dev
                have_library zimg || echo libzimg-dev
                have_library x264 || echo libx264-dev
                ;;
            media) command -v ffmpeg >/dev/null || echo ffmpeg ;;
            node) { command -v node && command -v npm; } >/dev/null || echo nodejs npm ;;
            browser) command -v chromium >/dev/null || echo chromium ;;
            netns) command -v ip >/dev/null || echo iproute2 ;;
        esac
    done
}

install_packages() {
    local packages
    packages=$(missing_packages "$@" | tr '\n' ' ')
    [ -n "${packages// /}" ] || return 0
    command -v apt-get >/dev/null ||
        die "these are missing and only apt is known here: $packages. Install them by hand and run this again."
    say "installing: $packages"
    # shellcheck disable=SC2086
    { as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages; } >&2 ||
        die "could not install: $packages. As root, 'apt-get install $packages' shows why."
}

install_rust() {
    command -v cargo >/dev/null || PATH="$HOME/.cargo/bin:$PATH"
    command -v cargo >/dev/null && return 0
    say "installing Rust by rustup (this user only)"
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --default-toolchain none >&2 ||
        die "Rust could not be installed. Install rustup from https://rustup.rs and run this again."
    export PATH="$HOME/.cargo/bin:$PATH"
}
