//! Doors for viewers: HLS and the player page.
