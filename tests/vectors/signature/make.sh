#!/usr/bin/env bash
# Makes the signatures (*.bin) and verdicts.json of this folder anew, with the ffmpeg program of
# the machine: its `signature` filter writes the signatures and judges every pair of films in its
# own detect modes. Needs ffmpeg with libx264, and jq. Takes about a minute.
set -euo pipefail
cd "$(dirname "$0")"
bunny=$(realpath ../../media/bunny-720p30.ts)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
run() { ffmpeg -v error -nostdin -y "$@"; }
film() { # film NAME FILTERS BITRATE INPUT...
  local name=$1 filters=$2 bitrate=$3
  shift 3
  run "$@" -an -vf "$filters,format=yuv420p" -c:v libx264 -preset veryfast -b:v "$bitrate" \
    -threads 1 "$folder/$name.mp4"
}
source=(-i "$bunny")
film same-large null 2M "${source[@]}"
film same-small scale=320:180 80k "${source[@]}"
film same-tiny scale=128:72 30k "${source[@]}"
film first-half trim=end_frame=60,scale=640:360 800k "${source[@]}"
film second-half trim=start_frame=60,setpts=PTS-STARTPTS,scale=640:360 800k "${source[@]}"
film shifted trim=start_frame=17,setpts=PTS-STARTPTS,scale=320:180 200k "${source[@]}"
film half-rate "fps=15,scale=320:180" 200k "${source[@]}"
film mirrored hflip,scale=320:180 200k "${source[@]}"
film brighter eq=brightness=0.1,scale=320:180 200k "${source[@]}"
film reversed scale=320:180,reverse 200k "${source[@]}"
for frames in 1 10 45 47 48 50; do
  film "short-$frames" "trim=end_frame=$frames,scale=320:180" 200k "${source[@]}"
done
film zoom "trim=end_frame=100" 300k -f lavfi -i mandelbrot=size=320x180:rate=30
film bars "trim=end_frame=100" 300k -f lavfi -i testsrc2=size=320x180:rate=30
film black "trim=end_frame=100" 100k -f lavfi -i color=black:size=320x180:rate=30
film still "trim=end_frame=1,loop=99:1,setpts=N/30/TB,scale=320:180" 100k "${source[@]}"
run -i "$folder/zoom.mp4" -i "$folder/same-small.mp4" -filter_complex \
  "[0]trim=end_frame=70,setpts=PTS-STARTPTS[a];[1]scale=320:180,setsar=1[b];[a]setsar=1[c];[c][b]concat=n=2:v=1" \
  -c:v libx264 -b:v 300k -threads 1 "$folder/joined.mp4"

names=(same-large same-small same-tiny first-half second-half shifted half-rate mirrored brighter
  reversed short-1 short-10 short-45 short-47 short-48 short-50 zoom bars black still joined)
rm -f ./*.bin
for name in "${names[@]}"; do
  run -i "$folder/$name.mp4" -vf "signature=format=binary:filename=$folder/$name.bin" -f null -
  mv "$folder/$name.bin" .
done

# judge MODE OPTIONS NAME...: one line of JSON for each pair, the earlier name first.
judge() {
  local mode=$1 options=$2 inputs=() pads=""
  shift 2
  for index in $(seq 0 $(($# - 1))); do pads+="[$index:v]"; done
  for name in "$@"; do inputs+=(-i "$folder/$name.mp4"); done
  ffmpeg -hide_banner -nostdin "${inputs[@]}" -filter_complex \
    "${pads}signature=nb_inputs=$#:detectmode=$mode$options" -f null - 2>&1 | tr '\r' '\n' |
    grep -E 'matching' | sed 's/.*\] *//' | jq -R -c -n --arg mode "$mode" --arg options "$options" '
      $ARGS.positional as $names
      | reduce inputs as $line ([];
          if $line == "whole video matching" then .[-1].verdict = "full"
          elif ($line | startswith("no")) then
            ($line | [scan("[0-9]+") | tonumber]) as $n
            | . + [{first: $names[$n[0]], second: $names[$n[1]], verdict: "different"}]
          else
            ($line | [scan("[0-9.]+") | tonumber]) as $n
            | . + [{first: $names[$n[0]], second: $names[$n[2]], verdict: "partial",
                    at: [$n[1], $n[3]], frames: $n[4]}]
          end)
      | .[] | {mode: $mode, options: $options} + .' --args "$@"
}
reversed_names=()
for name in "${names[@]}"; do reversed_names=("$name" "${reversed_names[@]}"); done
few=(same-large same-small shifted zoom joined half-rate)
{
  for mode in full fast; do
    judge $mode "" "${names[@]}"
    judge $mode "" "${reversed_names[@]}"
  done
  for name in "${names[@]}"; do judge full "" "$name" "$name"; done
  for options in :th_d=1 :th_dc=1 :th_xh=60 :th_xh=250 :th_di=30 :th_di=110 :th_it=0.9 :th_it=1; do
    judge full "$options" "${few[@]}"
  done
} >"$folder/pairs"
version=$(ffmpeg -version)
{
  printf '{"made":"make.sh with %s","pairs":[\n' "${version%% Copyright*}"
  sed '$!s/$/,/' "$folder/pairs"
  echo ']}'
} >verdicts.json
