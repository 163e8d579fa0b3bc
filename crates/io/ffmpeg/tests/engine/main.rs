//! The engine against real media, judged by the ffmpeg and ffprobe programs.
//!
//! Where each behaviour is shown. Names are tests of this program, paths are files elsewhere;
//! `every_behaviour_is_where_the_list_says` holds the list to it.
//!
//! # Sessions
//!
//! - a number missing between two, repeats, failures between:
//!   `session::segments_come_in_any_order_with_gaps_repeats_and_failures`
//! - no bytes at all:
//!   `bad_input::bytes_that_are_no_video_get_a_typed_error`
//! - use after stop:
//!   `crates/io/engine/tests/pool/main.rs`
//! - ten outputs, and eleven:
//!   `limits::ten_outputs_are_made_and_eleven_refused`
//! - several jobs at once, and with few or many threads:
//!   `limits::jobs_run_side_by_side`
//!   `limits::the_thread_budget_may_change_while_a_job_runs`
//!   `time::no_thread_budget_changes_a_result`
//! - options repeated over segments:
//!   `session::options_repeated_over_segments_do_not_add_up`
//! - MP4 outputs one after another, each complete:
//!   `session::consecutive_mp4_outputs_are_each_complete`
//! - stopped at work:
//!   `limits::a_cancelled_job_ends_at_once`
//!
//! # Counts
//!
//! - frames and pixels are those the outputs contain:
//!   `counts::pixels_of_every_rendition_are_those_that_decode`
//! - and those of the ffmpeg program: at rates, sizes, uneven times:
//!   `command_line::counts_are_those_of_the_ffmpeg_program_at_every_rate`
//!   `command_line::sizes_and_kept_times_are_those_of_the_ffmpeg_program`
//!   `command_line::uneven_times_meet_a_rate_as_in_the_ffmpeg_program`
//!
//! # Times
//!
//! - clocks that alternate between segments:
//!   `repairs::alternating_clocks_between_segments_do_not_matter`
//! - decoding times of neighbours do not overlap:
//!   `time::consecutive_segments_join_without_overlap`
//! - kept exactly, from zero too:
//!   `time::times_of_the_source_come_out_exactly`
//!   `time::times_from_zero_keep_their_place_beside_early_decoding_times`
//! - uneven times in, every picture out:
//!   `time::uneven_times_come_out_exactly`
//! - equal and backward times:
//!   `repairs::equal_and_backward_times_are_moved_on`
//! - a clock that falls back inside a segment:
//!   `time::a_clock_that_falls_back_runs_on`
//! - sound keeps its distance:
//!   `time::sound_keeps_its_distance_from_the_picture`
//! - duration and rate, as probed:
//!   `crates/pure/media/tests/probed/transport.rs`
//!
//! # Rates
//!
//! - 23.98, 29.97, 59.94; up and down; 60 to 30:
//!   `time::set_rates_give_exact_counts`
//! - two pictures far apart:
//!   `time::pictures_far_apart_are_a_runaway_before_anything_is_scaled`
//! - repeats cost no scaling:
//!   `time::a_picture_shown_again_is_scaled_once`
//!
//! # Short segments
//!
//! - 1, 2, 3, 5, 6, 10 pictures, first and later:
//!   `counts::segments_of_a_few_pictures_come_out_whole`
//!   `session::short_segments_later_in_a_session_come_out_whole_and_in_time`
//!
//! # Encoders
//!
//! - key frames: intervals at a rate set and kept, intra, invalid:
//!   `time::key_frames_stand_where_asked`
//! - key frames are starts, at 29.97 too:
//!   `time::forced_key_frames_are_ones_to_start_decoding_at`
//! - profiles have B-frames or none:
//!   `counts::profiles_have_or_lack_pictures_out_of_order`
//! - options pass through:
//!   `codecs::options_of_operators_reach_the_encoder`
//! - quality held, bit rate met:
//!   `codecs::quality_is_held_under_the_bit_rate`
//!   `limits::the_bit_rate_asked_for_is_met`
//!
//! # Codecs
//!
//! - HEVC, AV1, VP9 in:
//!   `codecs::hevc_av1_and_vp9_come_in`
//!   `counts::other_codecs_come_in_and_hevc_goes_out`
//! - HEVC and VP9 out:
//!   `codecs::hevc_goes_out_with_exact_counts_times_and_key_frames`
//!   `codecs::vp9_goes_out_in_mp4_with_exact_counts_and_key_frames`
//! - a codec its container cannot hold:
//!   `codecs::codecs_that_a_container_cannot_hold_are_refused`
//! - unsupported codecs in:
//!   `codecs::other_codecs_in_are_unsupported`
//! - 10 bit, 4:2:2, 4:4:4, RGB, odd sides in:
//!   `shapes::odd_sides_and_unusual_formats_become_420`
//!
//! # Bad input
//!
//! - sound alone, first and later:
//!   `audio::sound_without_pictures_is_no_video`
//!   `session::a_segment_of_sound_alone_is_no_first_segment_but_a_later_one`
//! - pictures that are only announced, for long too:
//!   `bad_input::a_picture_that_is_only_declared_is_no_video`
//!   `session::a_long_track_that_is_only_announced_is_refused_at_once`
//! - sound long before the first picture:
//!   `audio::sound_long_before_the_first_picture_waits`
//! - no key frame:
//!   `repairs::a_segment_without_a_key_frame_says_so`
//! - pictures missing at the front:
//!   `repairs::a_segment_that_begins_between_key_frames_starts_with_the_next`
//! - no decoding times:
//!   `repairs::packets_without_decoding_times_keep_their_order`
//! - no times at all, with and without SEI:
//!   `repairs::pictures_without_any_time_are_spaced_by_the_rate`
//! - single times missing:
//!   `repairs::single_missing_times_are_filled_in`
//! - SEI behind slices; sound streams untouched, broken ones refused:
//!   `repairs::supplements_behind_slices_cost_no_picture_and_no_time`
//!   `crates/pure/media/src/plan/unit_order.rs`
//! - no video, packets without pictures, cut short, bits flipped:
//!   `bad_input::a_few_packets_without_a_picture_are_an_invalid_argument`
//!   `bad_input::truncated_segments_give_what_is_there_or_a_typed_error`
//!   `bad_input::flipped_bits_never_do_more_than_fail`
//!   `bad_input::damaged_segments_never_spoil_what_is_joined`
//!
//! # Change
//!
//! - sound absent, then present, and back:
//!   `session::sound_may_come_and_go_between_segments`
//!   `session::sound_may_come_and_go_inside_a_segment`
//! - pixel format, between and inside segments:
//!   `session::pixel_formats_may_change_between_and_inside_segments`
//! - landscape, portrait, landscape:
//!   `shapes::a_size_change_inside_a_segment_keeps_every_picture`
//! - portrait source, least sizes, shape of samples:
//!   `shapes::the_longer_side_is_bounded_whatever_the_orientation`
//!   `shapes::limits_are_the_codecs_own`
//!   `shapes::the_shape_of_samples_is_carried`
//! - turned by the container, by the stream itself:
//!   `shapes::a_turned_picture_stands_upright_unless_it_is_to_be_compared`
//!   `streams::a_turn_written_into_the_pictures_is_applied_like_one_of_the_container`
//!
//! # Streams
//!
//! - pictures passed on, with B-frames; sound copied, dropped, encoded:
//!   `streams::pictures_out_of_order_are_passed_on_between_all_containers`
//!   `audio::sound_is_copied_between_all_containers`
//!   `audio::sound_is_dropped_or_encoded_anew`
//!   `audio::a_segment_without_sound_is_fine`
//! - pictures dropped, both dropped:
//!   `streams::sound_alone_is_passed_on_or_encoded_when_pictures_are_left_out`
//!   `streams::pictures_and_sound_left_out_together_leave_nothing_to_do`
//!   `audio::pictures_are_passed_on_or_left_out`
//! - a picture passed on keeps its turn:
//!   `streams::a_picture_passed_on_keeps_the_word_on_how_to_turn_it`
//! - unknown and data streams:
//!   `streams::data_and_unknown_streams_are_ignored`
//! - sound whose time falls back:
//!   `streams::sound_whose_time_falls_back_is_kept_in_order`
//! - sample rates and codecs of sound converted:
//!   `streams::a_rate_that_aac_has_not_becomes_the_nearest`
//!   `streams::sound_of_a_changing_rate_is_encoded_at_one`
//!   `audio::other_sound_is_encoded_as_aac`
//!
//! # Containers
//!
//! - fragments in, index in front out:
//!   `counts::fragmented_mp4_is_read`
//!   `counts::mp4_outputs_are_complete_and_start_with_their_index`
//! - options of reader and writer, wrong ones:
//!   `codecs::options_of_operators_reach_reader_and_writer`
//! - sound and pictures a container cannot hold:
//!   `streams::sound_that_a_container_cannot_hold_is_encoded_for_all`
//!   `streams::pictures_that_a_container_cannot_hold_are_not_passed_on`
//! - metadata:
//!   `audio::metadata_is_written`
//!
//! # Limits
//!
//! - 300 s:
//!   `limits::three_hundred_seconds_are_taken_and_more_are_not`
//! - bytes, sides, pixels, unknown options, a bad resolution:
//!   `limits::inputs_beyond_their_bounds_are_refused_before_decoding`
//! - output of a stream without times:
//!   `streams::a_stream_without_decoding_times_makes_no_more_bytes_than_asked`
//! - nothing left behind:
//!   `resources::a_hundred_jobs_leave_nothing_behind`
//!
//! # Clips
//!
//! - inside, across a key frame:
//!   `clip::a_clip_inside_a_group_and_one_across_key_frames_start_at_zero`
//!   `time::a_clip_starts_at_zero_and_ends_where_asked`
//! - at another rate:
//!   `clip::a_clip_at_another_rate_has_that_many_pictures`
//! - invalid forms:
//!   `clip::clips_that_make_no_sense_are_refused`
//!
//! # Signatures
//!
//! - made for TS and MP4, over a change of size:
//!   `shapes::signatures_come_with_every_rendition`
//!   `shapes::a_signature_survives_a_size_change`
//! - equal over sizes, bit rates, containers; other pictures differ:
//!   `signatures::renditions_of_one_film_have_equal_signatures`
//!   `signatures::other_pictures_have_other_signatures`
//! - garbage, and the verdicts of the ffmpeg program:
//!   `signatures::a_signature_cut_short_is_none`
//!   `crates/pure/media/tests/signature.rs`
//!
//! # Joining
//!
//! - several inputs to one output:
//!   `joining::segments_that_run_on_are_joined_as_they_are`
//!   `joining::mp4_segments_are_joined_where_their_headers_agree`
//! - a break shifts times:
//!   `joining::after_a_break_times_run_on`
//! - packets that go back:
//!   `joining::what_goes_back_in_time_is_left_out`
//! - refusals, end on stop:
//!   `joining::segments_that_cannot_be_joined_are_refused_and_leave_the_file_whole`
//!   `joining::a_stopped_file_can_still_be_finished`
//!
//! # Around the engine
//!
//! - cutting: lengths, numbers, borders, late sound, order:
//!   `crates/pure/media/tests/cut_streams.rs`
//! - old segments leave the playlist:
//!   `crates/pure/media/src/playlist/window.rs`
//! - publishers that vanish or fall silent:
//!   `crates/io/ingest/tests/rtmp/hostile_peers.rs`
//! - workers that crash, hang, talk nonsense, run out of memory:
//!   `crates/io/engine/tests/pool/main.rs`
//!   `bin/worker/tests/segments.rs`
//!   `bin/worker/tests/lifetime.rs`
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod audio;
mod bad_input;
mod clip;
mod clips;
mod codecs;
mod command_line;
mod counts;
mod joining;
mod limits;
mod packets;
mod repairs;
mod resources;
mod session;
mod shapes;
mod signatures;
mod streams;
mod time;

use std::fs;
use std::path::Path;

#[test]
fn every_behaviour_is_where_the_list_says() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = here.join("tests/engine");
    let text = fs::read_to_string(own.join("main.rs")).unwrap();
    let named: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("//!   `")?.strip_suffix('`'))
        .collect();
    for place in &named {
        match place.split_once("::") {
            Some((module, test)) => {
                let module = fs::read_to_string(own.join(module).with_extension("rs")).unwrap();
                assert!(module.contains(&format!("#[test]\nfn {test}()")), "{place}");
            }
            None => assert!(here.join("../../..").join(place).is_file(), "{place}"),
        }
    }
    // And no test is left out of it.
    for file in fs::read_dir(own).unwrap() {
        let path = file.unwrap().path();
        let module = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        for after in text.split("\n#[test]\nfn ").skip(1) {
            let test = format!("{module}::{}", after.split('(').next().unwrap());
            assert!(module == "main" || named.contains(&test.as_str()), "{test}");
        }
    }
}
