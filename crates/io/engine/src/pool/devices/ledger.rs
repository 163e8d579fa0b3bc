//! What a card can still take: arithmetic over encoder sessions and memory, without a clock.
//!
//! A session holds its place from its first segment until it ends, fails or falls silent. One
//! rendition encoded on the card is one encoder session. Memory is what the card has free with
//! nothing running, less what every session may take at once, less a reserve.

use std::collections::HashMap;
use std::time::Duration;

use streamflow_types::{Codec, Profile, SessionId};
use tokio::time::Instant;

use crate::protocol::DeviceFacts;

/// Memory of a stream before any was measured: 250 MB for one of four renditions. An estimate.
const STREAM_BYTES: u64 = 90_000_000;
const RENDITION_BYTES: u64 = 40_000_000;

/// A session that sends nothing for so long gives its place up, as elsewhere in the network.
const SILENT: Duration = Duration::from_secs(70);

/// Pictures a second where a profile keeps the source's.
const USUAL_RATE: u64 = 30;

/// Why a session finds no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Full {
    #[error("{wanted} encoder sessions wanted, {free} free")]
    Encoders { wanted: u32, free: u32 },
    #[error("{wanted} bytes of memory wanted, {free} free beside the reserve")]
    Memory { wanted: u64, free: u64 },
}

impl Full {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Encoders { .. } => "encoders",
            Self::Memory { .. } => "memory",
        }
    }
}

/// What a session asks of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Load {
    /// Renditions the card's encoders make.
    pub(super) encoders: u32,
    pub(super) renditions: u32,
    /// Σ width × height × pictures a second.
    pub(super) cost: u64,
}

impl Load {
    /// Of these renditions on a card.
    pub(super) fn of(profiles: &[Profile], facts: &DeviceFacts) -> Self {
        let on_card = |profile: &&Profile| {
            let name = match profile.codec {
                Codec::H264 => "h264_nvenc",
                Codec::H265 => "hevc_nvenc",
                Codec::Vp8 | Codec::Vp9 => return false,
            };
            facts.encoders.iter().any(|encoder| encoder == name)
        };
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            encoders: count(profiles.iter().filter(on_card).count()),
            renditions: count(profiles.len()),
            cost: profiles.iter().map(cost).fold(0, u64::saturating_add),
        }
    }
}

/// Width × height × pictures a second; a fraction counts as its whole part.
fn cost(profile: &Profile) -> u64 {
    let rate = profile
        .fps
        .ratio()
        .map_or(USUAL_RATE, |(num, den)| u64::from(num.get() / den.get()));
    u64::from(profile.width) * u64::from(profile.height) * rate
}

#[derive(Debug)]
struct Held {
    load: Load,
    last: Instant,
    running: u32,
}

/// Who holds what of one card.
#[derive(Debug)]
pub(super) struct Ledger {
    encoder_limit: Option<u32>,
    reserve_bytes: u64,
    /// Free with nothing running: when the card was tried, and by the last count.
    tried_bytes: u64,
    idle_bytes: u64,
    /// Free by the last count.
    free_bytes: u64,
    /// What a rendition takes with its share of its stream's own, by counts while streams ran.
    measured_bytes: Option<u64>,
    sessions: HashMap<SessionId, Held>,
}

impl Ledger {
    /// Of a card nobody uses yet.
    pub(super) fn new(facts: &DeviceFacts, reserve_bytes: u64) -> Self {
        Self {
            encoder_limit: facts.encoder_limit,
            reserve_bytes,
            tried_bytes: facts.free_bytes,
            idle_bytes: facts.free_bytes,
            free_bytes: facts.free_bytes,
            measured_bytes: None,
            sessions: HashMap::new(),
        }
    }

    /// Gives a session its place, or renews it for a segment that begins.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        session: &SessionId,
        load: Load,
    ) -> Result<(), Full> {
        self.sessions
            .retain(|_, held| held.running > 0 || now.duration_since(held.last) < SILENT);
        let before = self.sessions.get(session);
        if before.is_none_or(|held| held.load != load) {
            self.check(session, load)?;
        }
        let held = self.sessions.entry(session.clone()).or_insert(Held {
            load,
            last: now,
            running: 0,
        });
        held.load = load;
        held.last = now;
        held.running = held.running.saturating_add(1);
        Ok(())
    }

    /// A segment of the session is done; `free_bytes` is what the card had free while it ran.
    pub(super) fn end(&mut self, now: Instant, session: &SessionId, free_bytes: Option<u64>) {
        if let Some(free) = free_bytes {
            self.count(free);
        }
        if let Some(held) = self.sessions.get_mut(session) {
            held.running = held.running.saturating_sub(1);
            held.last = now;
        }
    }

    /// The session is over, or has failed here.
    pub(super) fn leave(&mut self, session: &SessionId) {
        self.sessions.remove(session);
    }

    /// The card was tried anew; sessions keep their places.
    pub(super) fn restarted(&mut self, facts: &DeviceFacts) {
        self.encoder_limit = facts.encoder_limit;
        self.tried_bytes = facts.free_bytes;
        self.idle_bytes = facts.free_bytes;
        self.free_bytes = facts.free_bytes;
    }

    /// Σ width × height × pictures a second over its sessions.
    pub(super) fn cost(&self) -> u64 {
        let costs = self.sessions.values().map(|held| held.load.cost);
        costs.fold(0, u64::saturating_add)
    }

    pub(super) fn sessions(&self) -> usize {
        self.sessions.len()
    }

    pub(super) fn encoders(&self) -> u32 {
        let encoders = self.sessions.values().map(|held| held.load.encoders);
        encoders.fold(0, u32::saturating_add)
    }

    pub(super) fn free_bytes(&self) -> u64 {
        self.free_bytes
    }

    fn check(&self, session: &SessionId, load: Load) -> Result<(), Full> {
        let (mut encoders, mut promised) = (0u32, 0u64);
        for (_, held) in self.sessions.iter().filter(|(name, _)| *name != session) {
            encoders = encoders.saturating_add(held.load.encoders);
            promised = promised.saturating_add(self.estimate(held.load));
        }
        if let Some(limit) = self.encoder_limit {
            let free = limit.saturating_sub(encoders);
            if load.encoders > free {
                let wanted = load.encoders;
                return Err(Full::Encoders { wanted, free });
            }
        }
        let wanted = self.estimate(load);
        let free = self
            .idle_bytes
            .saturating_sub(self.reserve_bytes)
            .saturating_sub(promised);
        if wanted > free {
            return Err(Full::Memory { wanted, free });
        }
        Ok(())
    }

    fn estimate(&self, load: Load) -> u64 {
        let renditions = u64::from(load.renditions);
        match self.measured_bytes {
            Some(bytes) => bytes.saturating_mul(renditions.max(1)),
            None => STREAM_BYTES.saturating_add(RENDITION_BYTES.saturating_mul(renditions)),
        }
    }

    /// Learns from a count what renditions take, and what is left for all of them together: others
    /// may have come to use the card.
    fn count(&mut self, free: u64) {
        self.free_bytes = free;
        let running = |held: &Held| u64::from(held.load.renditions) * u64::from(held.running);
        let renditions = self.sessions.values().map(running);
        let renditions = renditions.fold(0, u64::saturating_add);
        let used = self.tried_bytes.saturating_sub(free);
        if renditions > 0 && used > 0 {
            let each = used.div_ceil(renditions);
            // Up at once, down slowly.
            let known = self.measured_bytes.unwrap_or(each);
            self.measured_bytes = Some(each.max(known - known / 4 + each / 4));
        }
        let in_use = self.measured_bytes.unwrap_or(0).saturating_mul(renditions);
        self.idle_bytes = free.saturating_add(in_use).min(self.tried_bytes);
    }
}

#[cfg(test)]
mod tests {
    use streamflow_types::FrameRate;

    use super::*;

    const MB: u64 = 1_000_000;

    fn facts(limit: Option<u32>, free_mb: u64) -> DeviceFacts {
        DeviceFacts {
            name: "card".to_owned(),
            uuid: "GPU-0".to_owned(),
            cuda: "12.4".to_owned(),
            capability: "8.6".to_owned(),
            memory_bytes: 24_000 * MB,
            free_bytes: free_mb * MB,
            encoders: vec!["h264_nvenc".to_owned()],
            no_encoder: None,
            encoder_limit: limit,
        }
    }

    fn session(number: u8) -> SessionId {
        SessionId::from_random([0, 0, 0, number])
    }

    fn load(renditions: u32) -> Load {
        Load {
            encoders: renditions,
            renditions,
            cost: 1,
        }
    }

    #[test]
    fn one_rendition_is_one_encoder_session() {
        let now = Instant::now();
        let mut ledger = Ledger::new(&facts(Some(8), 20_000), 0);
        ledger.begin(now, &session(1), load(4)).unwrap();
        ledger.begin(now, &session(2), load(3)).unwrap();
        let refused = ledger.begin(now, &session(3), load(2)).unwrap_err();
        assert_eq!(refused, Full::Encoders { wanted: 2, free: 1 });
        // Who is in stays in, segment after segment, also with several under way.
        for _ in 0..3 {
            ledger.begin(now, &session(1), load(4)).unwrap();
        }
        assert_eq!((ledger.encoders(), ledger.sessions()), (7, 2));
        // A ladder that grows is judged anew, without its own old part.
        assert!(ledger.begin(now, &session(1), load(6)).is_err());
        ledger.begin(now, &session(1), load(5)).unwrap();
        ledger.leave(&session(2));
        ledger.begin(now, &session(3), load(3)).unwrap();
    }

    #[test]
    fn memory_is_promised_by_the_estimate_and_then_by_what_was_measured() {
        let now = Instant::now();
        let mut ledger = Ledger::new(&facts(None, 800), 250 * MB);
        // 550 MB beside the reserve, 250 MB for each.
        ledger.begin(now, &session(1), load(4)).unwrap();
        ledger.begin(now, &session(2), load(4)).unwrap();
        let refused = ledger.begin(now, &session(3), load(4)).unwrap_err();
        let (wanted, free) = (250 * MB, 50 * MB);
        assert_eq!(refused, Full::Memory { wanted, free });
        // Both at work, 160 MB are gone: a stream of four really takes 80 MB, so six fit.
        ledger.end(now, &session(1), Some(640 * MB));
        ledger.end(now, &session(2), Some(720 * MB));
        for number in 3..=6 {
            ledger.begin(now, &session(number), load(4)).unwrap();
        }
        let refused = ledger.begin(now, &session(7), load(4)).unwrap_err();
        let (wanted, free) = (80 * MB, 70 * MB);
        assert_eq!(refused, Full::Memory { wanted, free });
        assert_eq!(ledger.free_bytes(), 720 * MB);
    }

    #[test]
    fn a_card_that_others_fill_takes_nobody_new() {
        let now = Instant::now();
        let mut ledger = Ledger::new(&facts(None, 2_000), 0);
        ledger.begin(now, &session(1), load(4)).unwrap();
        ledger.end(now, &session(1), Some(1_900 * MB));
        ledger.begin(now, &session(1), load(4)).unwrap();
        // A neighbour took nearly all; it looks as if it were ours, and there is no more anyway.
        ledger.end(now, &session(1), Some(10 * MB));
        assert!(matches!(
            ledger.begin(now, &session(2), load(4)),
            Err(Full::Memory { .. })
        ));
        // Its own session goes on.
        ledger.begin(now, &session(1), load(4)).unwrap();
    }

    #[test]
    fn a_silent_session_gives_its_place_up_but_not_while_it_works() {
        let now = Instant::now();
        let mut ledger = Ledger::new(&facts(Some(4), 20_000), 0);
        ledger.begin(now, &session(1), load(4)).unwrap();
        let later = now + SILENT + Duration::from_secs(1);
        assert!(
            ledger.begin(later, &session(2), load(4)).is_err(),
            "at work"
        );
        ledger.end(now, &session(1), None);
        ledger.begin(later, &session(2), load(4)).unwrap();
        assert_eq!(ledger.sessions(), 1);
    }

    #[test]
    fn cost_is_size_times_rate_and_only_its_own_codecs_need_an_encoder() {
        let profile = |rate| Profile::new("p", 640, 360, 1_000_000, rate);
        let mut coded = profile(FrameRate::SOURCE);
        coded.codec = Codec::H265;
        let profiles = [profile(FrameRate::whole(60)), coded];
        let load = Load::of(&profiles, &facts(None, 1));
        assert_eq!(load.cost, 640 * 360 * (60 + 30));
        assert_eq!((load.encoders, load.renditions), (1, 2));
        let mut bare = facts(None, 1);
        bare.encoders.clear();
        assert_eq!(Load::of(&profiles, &bare).encoders, 0);
    }
}
