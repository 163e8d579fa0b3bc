//! Containers, codec headers, segmenter, playlists and the plans of a transcode.
