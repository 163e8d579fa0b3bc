use streamflow_runtime::ManualClock;
use streamflow_storage::PutError;

use super::*;

const TWO: Duration = Duration::from_secs(2);
const LADDER: [&str; 2] = ["P240p30fps16x9", "P360p30fps16x9"];

struct Bench {
    clock: Arc<ManualClock>,
    store: SegmentStore,
    library: Library,
    manifest: ManifestId,
}

impl Bench {
    fn new(options: LibraryOptions) -> Self {
        let (clock, metrics) = (Arc::new(ManualClock::default()), Metrics::new());
        let store = SegmentStore::in_memory(10_000_000, clock.clone(), &metrics);
        let library = Library::new(options, store.clone(), clock.clone(), &metrics);
        Self {
            clock,
            store,
            library,
            manifest: ManifestId::new("demo").unwrap(),
        }
    }

    async fn open(&self) -> OpenedStream {
        self.library
            .open_stream(&self.manifest, &ladder())
            .await
            .unwrap()
    }

    fn segment(&self, number: u64) -> SourceSegment {
        SourceSegment {
            manifest: self.manifest.clone(),
            number: SegmentNumber(number),
            duration: TWO,
            container: Container::MpegTs,
            bytes: Bytes::from(format!("source {number}")),
            discontinuity: false,
        }
    }

    async fn source(&self, number: u64) -> Place {
        let facts = facts(number);
        self.library
            .publish_source(&self.segment(number), Some(&facts))
            .await
            .unwrap()
            .place
    }

    async fn renditions(&self, place: Place, number: u64) {
        let path = DeliveryPath::Network;
        let made = renditions(number);
        self.library
            .publish_renditions(&self.manifest, place, path, made)
            .await
            .unwrap();
    }

    fn playlist(&self, variant: &str) -> String {
        let text = self.library.media("demo", variant).unwrap_or_default();
        String::from_utf8(text.to_vec()).unwrap()
    }

    /// Numbers a playlist lists, gaps negative.
    fn listed(&self, variant: &str) -> Vec<i64> {
        numbers(&self.playlist(variant))
    }
}

fn ladder() -> [Profile; 2] {
    LADDER.map(|name| Profile::preset(name).unwrap())
}

fn facts(number: u64) -> Facts {
    Facts {
        first_pts: Some(number * 180_000),
        end_pts: Some((number + 1) * 180_000),
        ..Facts::default()
    }
}

fn renditions(number: u64) -> Vec<RenditionToPublish> {
    let made = LADDER.map(|name| RenditionToPublish {
        profile: name.into(),
        container: Container::MpegTs,
        bytes: Bytes::from(format!("{name} {number}")),
        facts: None,
    });
    made.into()
}

fn numbers(playlist: &str) -> Vec<i64> {
    let mut gap = false;
    let mut numbers = Vec::new();
    for line in playlist.lines() {
        if line == "#EXT-X-GAP" {
            gap = true;
        } else if let Some(file) = line.strip_suffix(".ts") {
            let number: i64 = file.rsplit('/').next().unwrap().parse().unwrap();
            numbers.push(if gap { -number } else { number });
            gap = false;
        }
    }
    numbers
}

fn tag<'a>(playlist: &'a str, name: &str) -> Option<&'a str> {
    playlist
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

#[tokio::test]
async fn the_source_is_out_at_once_and_renditions_when_all_are_made() {
    let bench = Bench::new(LibraryOptions::default());
    assert_eq!(
        bench.open().await,
        OpenedStream {
            next: SegmentNumber(0),
            resumed: false
        }
    );
    assert_eq!(bench.library.master("demo"), None);
    let place = bench.source(0).await;
    assert_eq!(bench.listed("source"), [0]);
    let master = String::from_utf8(bench.library.master("demo").unwrap().to_vec()).unwrap();
    assert!(
        !master.contains(LADDER[0]),
        "a variant joins with its first segment:\n{master}"
    );
    assert!(
        bench
            .library
            .segment("demo", LADDER[0], 0)
            .await
            .unwrap()
            .is_none()
    );

    bench.renditions(place, 0).await;
    let master = String::from_utf8(bench.library.master("demo").unwrap().to_vec()).unwrap();
    assert!(master.contains(LADDER[0]) && master.contains(LADDER[1]));
    let (_, bytes) = bench
        .library
        .segment("demo", LADDER[1], 0)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(bytes, format!("{} 0", LADDER[1]));
}

#[tokio::test]
async fn a_playlist_lists_six_and_twelve_can_be_fetched() {
    let bench = Bench::new(LibraryOptions::default());
    bench.open().await;
    for number in 0..30 {
        let place = bench.source(number).await;
        bench.renditions(place, number).await;
    }
    for variant in ["source", LADDER[0], LADDER[1]] {
        assert_eq!(bench.listed(variant), [24, 25, 26, 27, 28, 29]);
        assert_eq!(
            tag(&bench.playlist(variant), "#EXT-X-MEDIA-SEQUENCE"),
            Some("24")
        );
        assert!(
            bench
                .library
                .segment("demo", variant, 17)
                .await
                .unwrap()
                .is_none()
        );
        assert!(
            bench
                .library
                .segment("demo", variant, 18)
                .await
                .unwrap()
                .is_some()
        );
    }
    assert_eq!(bench.store.usage().segments, 36);
}

#[tokio::test]
async fn a_lost_segment_is_a_gap_in_every_rendition_and_in_no_source() {
    let bench = Bench::new(LibraryOptions::default());
    bench.open().await;
    for number in 0..4 {
        let place = bench.source(number).await;
        match number {
            2 => bench
                .library
                .publish_gap(&bench.manifest, place)
                .await
                .unwrap(),
            _ => bench.renditions(place, number).await,
        }
    }
    assert_eq!(bench.listed("source"), [0, 1, 2, 3]);
    assert_eq!(bench.listed(LADDER[0]), [0, 1, -2, 3]);
    assert_eq!(bench.listed(LADDER[1]), [0, 1, -2, 3]);
    let view = bench.library.stream("demo").unwrap();
    assert_eq!((view.variants[1].gaps, view.variants[1].segments), (1, 3));
}

#[tokio::test]
async fn a_ladder_is_published_whole_or_not_at_all() {
    let bench = Bench::new(LibraryOptions::default());
    bench.open().await;
    let place = bench.source(0).await;
    let publish = |made| {
        bench
            .library
            .publish_renditions(&bench.manifest, place, DeliveryPath::Local, made)
    };
    let mut some = renditions(0);
    some.pop();
    assert_eq!(
        publish(some).await,
        Err(PublishError::Incomplete(LADDER[1].into()))
    );
    let mut more = renditions(0);
    more.push(RenditionToPublish {
        profile: "144p".into(),
        ..more[0].clone()
    });
    assert_eq!(
        publish(more).await,
        Err(PublishError::NotInLadder("144p".into()))
    );
    assert_eq!(bench.listed(LADDER[0]), Vec::<i64>::new());
    assert_eq!(publish(renditions(0)).await, Ok(()));
    assert_eq!(
        publish(renditions(1)).await,
        Ok(()),
        "a second answer is ignored"
    );
    let (_, bytes) = bench
        .library
        .segment("demo", LADDER[0], 0)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(bytes, format!("{} 0", LADDER[0]));
    let unknown = Place(999);
    let gap = bench.library.publish_gap(&bench.manifest, unknown).await;
    assert_eq!(gap, Err(PublishError::UnknownPlace));
}

#[tokio::test]
async fn a_number_sent_twice_is_listed_once() {
    let bench = Bench::new(LibraryOptions::default());
    bench.open().await;
    let first = bench.source(0).await;
    let again = bench
        .library
        .publish_source(&bench.segment(0), None)
        .await
        .unwrap();
    assert_eq!(
        again,
        Published {
            place: first,
            repeated: true
        }
    );
    assert_eq!(bench.listed("source"), [0]);
    assert_eq!(bench.store.usage().segments, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reader_sees_renditions_out_of_step() {
    let bench = Arc::new(Bench::new(LibraryOptions::default()));
    bench.open().await;
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let (bench, done) = (bench.clone(), done.clone());
        readers.spawn(async move {
            let mut seen = 0;
            while !done.load(Ordering::Relaxed) {
                let snapshot = bench.library.shared.snapshot("demo").unwrap();
                let text = |name| snapshot.media.get(name).map(|text| text.to_vec());
                let [low, high] = LADDER.map(text);
                let rename = |text: Vec<u8>| {
                    String::from_utf8(text)
                        .unwrap()
                        .replace(LADDER[0], LADDER[1])
                };
                assert_eq!(
                    low.map(rename),
                    high.map(|text| String::from_utf8(text).unwrap())
                );

                // What one playlist lists can be fetched from all others at that moment.
                let newest = bench.listed(LADDER[0]).last().copied().unwrap_or(0);
                if newest > 0 {
                    assert!(bench.listed(LADDER[1]).last().copied().unwrap_or(0) >= newest);
                    let number = u64::try_from(newest).unwrap();
                    let found = bench
                        .library
                        .segment("demo", LADDER[1], number)
                        .await
                        .unwrap();
                    let is_past = bench.listed(LADDER[1]).first().is_some_and(|f| *f > newest);
                    assert!(
                        found.is_some() || is_past,
                        "{number} is listed and not there"
                    );
                }
                seen += 1;
                tokio::task::yield_now().await;
            }
            seen
        });
    }
    for round in 0..100u64 {
        // Three segments at a time, resolved backwards.
        let mut places = Vec::new();
        for number in round * 3..round * 3 + 3 {
            places.push((number, bench.source(number).await));
        }
        for (number, place) in places.into_iter().rev() {
            bench.renditions(place, number).await;
        }
    }
    done.store(true, Ordering::Relaxed);
    let rounds: Vec<i32> = readers.join_all().await;
    assert!(rounds.iter().all(|rounds| *rounds > 10), "{rounds:?}");
    assert_eq!(bench.listed(LADDER[0]).last(), Some(&299));
}

#[tokio::test]
async fn a_publisher_that_comes_back_goes_on_with_one_discontinuity() {
    let bench = Bench::new(LibraryOptions::default());
    bench.open().await;
    for number in 0..3 {
        let place = bench.source(number).await;
        bench.renditions(place, number).await;
    }
    bench.library.end_stream(&bench.manifest).await;
    assert!(!bench.library.stream("demo").unwrap().live);
    let opened = bench.open().await;
    assert_eq!(
        opened,
        OpenedStream {
            next: SegmentNumber(3),
            resumed: true
        }
    );

    let mut marks = 0;
    for number in 0..12 {
        let first = SourceSegment {
            discontinuity: number == 0,
            ..bench.segment(number)
        };
        let place = bench
            .library
            .publish_source(&first, Some(&facts(number)))
            .await
            .unwrap()
            .place;
        bench.renditions(place, number).await;
        let playlists = ["source", LADDER[0], LADDER[1]].map(|name| bench.playlist(name));
        let sequences = playlists
            .each_ref()
            .map(|p| tag(p, "#EXT-X-DISCONTINUITY-SEQUENCE"));
        assert!(sequences.iter().all(|sequence| *sequence == sequences[0]));
        let inside = playlists[0]
            .lines()
            .filter(|line| *line == "#EXT-X-DISCONTINUITY")
            .count();
        let before: usize = sequences[0].map_or(0, |text| text.parse().unwrap());
        assert_eq!(inside + before, 1, "{}", playlists[0]);
        marks = before;
    }
    assert_eq!(marks, 1);
    assert_eq!(bench.listed("source"), [9, 10, 11, 12, 13, 14]);
}

#[tokio::test]
async fn sequences_go_on_in_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let options = LibraryOptions {
        state_folder: Some(folder.path().join("playlists")),
        ..LibraryOptions::default()
    };
    let first = Bench::new(options.clone());
    first.open().await;
    for number in 0..10 {
        let place = first.source(number).await;
        // The last two are out when the process dies.
        if number < 8 {
            first.renditions(place, number).await;
        }
    }
    let before = first.playlist(LADDER[0]);
    drop(first);

    let second = Bench::new(options.clone());
    let opened = second.open().await;
    assert_eq!(
        opened,
        OpenedStream {
            next: SegmentNumber(10),
            resumed: true
        }
    );
    for number in 8..16 {
        let place = second.source(number).await;
        second.renditions(place, number).await;
        let sequence = |text: &str| {
            tag(text, "#EXT-X-MEDIA-SEQUENCE")
                .unwrap()
                .parse::<u64>()
                .unwrap()
        };
        assert!(sequence(&second.playlist(LADDER[0])) >= sequence(&before));
        assert!(
            !second
                .playlist(LADDER[0])
                .contains("#EXT-X-DISCONTINUITY\n")
        );
    }
    assert_eq!(second.listed(LADDER[0]), [10, 11, 12, 13, 14, 15]);
    drop(second);

    // Another publisher, who counts from 0 and says that film is missing.
    let third = Bench::new(options);
    third.open().await;
    let segment = SourceSegment {
        discontinuity: true,
        ..third.segment(0)
    };
    let place = third
        .library
        .publish_source(&segment, Some(&facts(0)))
        .await
        .unwrap()
        .place;
    third.renditions(place, 0).await;
    assert_eq!(third.listed(LADDER[0]), [16]);
    assert!(third.playlist(LADDER[0]).contains("#EXT-X-DISCONTINUITY\n"));
}

#[tokio::test]
async fn an_ended_stream_is_served_for_its_grace_and_then_gone_with_its_segments() {
    let bench = Bench::new(LibraryOptions {
        end_list: true,
        ..LibraryOptions::default()
    });
    bench.open().await;
    let place = bench.source(0).await;
    let shutdown = Shutdown::new();
    let running = {
        let (library, shutdown) = (bench.library.clone(), shutdown.clone());
        tokio::spawn(async move { library.run(shutdown).await })
    };
    bench.library.end_stream(&bench.manifest).await;
    assert!(
        !bench.playlist("source").contains("ENDLIST"),
        "a segment is still out"
    );
    bench.renditions(place, 0).await;
    assert!(bench.playlist("source").ends_with("#EXT-X-ENDLIST\n"));
    assert!(bench.playlist(LADDER[0]).ends_with("#EXT-X-ENDLIST\n"));

    for _ in 0..400 {
        bench.clock.advance(TICK);
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.library.streams(), []);
    assert_eq!(bench.store.usage().segments, 0);
    let late = bench.library.publish_gap(&bench.manifest, place).await;
    assert_eq!(
        late,
        Err(PublishError::UnknownStream(bench.manifest.clone()))
    );
    shutdown.stop();
    running.await.unwrap();
}

#[tokio::test]
async fn time_lists_what_waits_for_a_predecessor_that_never_comes() {
    let bench = Bench::new(LibraryOptions::default());
    bench.open().await;
    bench.source(0).await;
    bench.source(2).await;
    assert_eq!(bench.listed("source"), [0]);
    bench.clock.advance(stream::REORDER_PATIENCE);
    bench.library.tick().await;
    assert_eq!(bench.listed("source"), [0, -1, 2]);
    let late = bench
        .library
        .publish_source(&bench.segment(1), Some(&facts(1)))
        .await;
    assert_eq!(late, Err(PublishError::TooLate(SegmentNumber(1))));
}

#[tokio::test]
async fn streams_are_limited_and_ended_ones_make_room() {
    let bench = Bench::new(LibraryOptions {
        max_streams: 2,
        ..LibraryOptions::default()
    });
    let names = ["a", "b", "c"].map(|name| ManifestId::new(name).unwrap());
    bench.library.open_stream(&names[0], &[]).await.unwrap();
    bench.library.open_stream(&names[1], &[]).await.unwrap();
    let refused = bench.library.open_stream(&names[2], &[]).await;
    assert_eq!(refused, Err(OpenError::TooManyStreams(2)));
    bench.library.end_stream(&names[0]).await;
    bench.library.open_stream(&names[2], &[]).await.unwrap();
    let left: Vec<String> = bench
        .library
        .streams()
        .into_iter()
        .map(|s| s.manifest)
        .collect();
    assert_eq!(left, ["b", "c"]);
}

#[tokio::test]
async fn a_stream_without_ladder_is_its_source() {
    let bench = Bench::new(LibraryOptions::default());
    bench
        .library
        .open_stream(&bench.manifest, &[])
        .await
        .unwrap();
    for number in 0..20 {
        bench.source(number).await;
    }
    assert_eq!(bench.listed("source"), [14, 15, 16, 17, 18, 19]);
    assert_eq!(bench.library.stream("demo").unwrap().in_work, 0);
    assert_eq!(bench.store.usage().segments, 12);
}

#[tokio::test]
async fn a_segment_that_cannot_be_kept_is_refused_and_can_be_given_up() {
    let bench = Bench::new(LibraryOptions::default());
    bench.open().await;
    let place = bench.source(0).await;
    let mut made = renditions(0);
    made[1].bytes = Bytes::from(vec![0; 10_000_001]);
    let path = DeliveryPath::Network;
    let refused = bench
        .library
        .publish_renditions(&bench.manifest, place, path, made)
        .await;
    assert!(matches!(
        refused,
        Err(PublishError::Store(PutError::TooLarge { .. }))
    ));
    bench
        .library
        .publish_gap(&bench.manifest, place)
        .await
        .unwrap();
    let next = bench.source(1).await;
    bench.renditions(next, 1).await;
    assert_eq!(bench.listed(LADDER[0]), [1]);
}
