use super::*;

const TWO: Duration = Duration::from_secs(2);

struct Feed {
    stream: Stream,
    now: Instant,
    next_place: u64,
}

impl Feed {
    fn new(kept: Option<Kept>) -> Self {
        let mut stream = Stream::new(kept, TWO);
        let ladder =
            ["P240p30fps16x9", "P360p30fps16x9"].map(|name| Profile::preset(name).unwrap());
        stream.set_ladder(&ladder).unwrap();
        Self {
            stream,
            now: Instant::now(),
            next_place: 0,
        }
    }

    fn cut(number: u64) -> Cut {
        Cut {
            number,
            duration: TWO,
            discontinuity: false,
            first_pts: Some(number * 180_000),
            end_pts: Some((number + 1) * 180_000),
            fingerprint: number,
        }
    }

    fn announce(&mut self, number: u64) -> (u64, Announced) {
        self.announce_cut(Self::cut(number))
    }

    fn announce_cut(&mut self, cut: Cut) -> (u64, Announced) {
        let place = self.next_place;
        self.next_place += 1;
        let source = Source {
            place,
            cut,
            container: Container::MpegTs,
            len: 1_000,
            facts: None,
            at: self.now,
        };
        (place, self.stream.announce(source).0)
    }

    fn ready(&mut self, place: u64) -> bool {
        let made = |variant: &Variant| Made {
            name: variant.name.clone(),
            container: Container::MpegTs,
            len: 100,
            facts: None,
        };
        let made = self.stream.renditions.iter().map(made).collect();
        let outcome = Outcome::Ready {
            path: DeliveryPath::Network,
            made,
            at: self.now,
        };
        self.stream.resolve(place, outcome).0
    }

    fn sources(&self) -> Vec<u64> {
        self.stream.slots().iter().map(|slot| slot.number).collect()
    }

    fn released(&self) -> Vec<u64> {
        self.stream.released().map(|slot| slot.number).collect()
    }
}

#[test]
fn renditions_appear_in_order_whatever_finishes_first() {
    let mut feed = Feed::new(None);
    let places: Vec<u64> = (5..9).map(|number| feed.announce(number).0).collect();
    assert_eq!(feed.sources(), [5, 6, 7, 8]);
    feed.ready(places[2]);
    feed.ready(places[1]);
    assert_eq!(feed.released(), Vec::<u64>::new());
    feed.ready(places[0]);
    assert_eq!(feed.released(), [5, 6, 7]);
    assert_eq!(feed.stream.unresolved(), 1);
    feed.stream.resolve(places[3], Outcome::Gap);
    assert_eq!(feed.released(), [5, 6, 7, 8]);
    assert!(!feed.ready(places[3]), "what was given up stays given up");
}

#[test]
fn a_segment_that_overtook_its_predecessor_waits_for_it() {
    let mut feed = Feed::new(None);
    feed.announce(0);
    let (two, _) = feed.announce(2);
    feed.ready(two);
    assert_eq!(feed.sources(), [0]);
    assert_eq!(feed.announce(2).1, Announced::Repeated(two));
    let (one, _) = feed.announce(1);
    assert_eq!(feed.sources(), [0, 1, 2]);
    feed.ready(0);
    feed.ready(one);
    assert_eq!(feed.released(), [0, 1, 2]);
}

#[test]
fn a_predecessor_that_does_not_come_is_a_gap_in_all_variants() {
    let mut feed = Feed::new(None);
    feed.announce(0);
    feed.ready(0);
    let (three, _) = feed.announce(3);
    feed.ready(three);
    feed.now += REORDER_PATIENCE;
    assert!(feed.stream.settle(feed.now));
    assert_eq!(feed.released(), [0, 1, 2, 3]);
    let gaps = feed
        .stream
        .slots()
        .iter()
        .filter(|slot| slot.source.is_none())
        .count();
    assert_eq!(gaps, 2);
    assert_eq!(feed.announce(2).1, Announced::TooLate);
    assert_eq!(feed.sources(), [0, 1, 2, 3]);
}

#[test]
fn a_number_sent_again_keeps_its_place_and_other_film_under_it_is_a_new_start() {
    let mut feed = Feed::new(None);
    for number in 0..3 {
        feed.announce(number);
    }
    assert_eq!(feed.announce(1).1, Announced::Repeated(1));
    let other = Cut {
        fingerprint: 99,
        ..Feed::cut(1)
    };
    assert_eq!(feed.announce_cut(other).1, Announced::Taken);
    let last = feed.stream.slots().back().unwrap();
    assert_eq!(
        (last.number, last.discontinuity, last.discontinuities),
        (3, true, 1)
    );
}

#[test]
fn those_that_wait_are_listed_before_a_publisher_starts_over() {
    let mut feed = Feed::new(None);
    feed.announce(10);
    feed.announce(12);
    feed.announce_cut(Cut {
        discontinuity: true,
        ..Feed::cut(0)
    });
    assert_eq!(feed.sources(), [10, 11, 12, 13]);
    assert!(feed.stream.slots().back().unwrap().discontinuity);
    feed.announce(1);
    assert_eq!(feed.sources().last(), Some(&14));
    assert!(!feed.stream.slots().back().unwrap().discontinuity);
}

#[test]
fn nothing_is_waited_for_without_end() {
    let mut feed = Feed::new(None);
    for number in 0..200 {
        let (place, _) = feed.announce(number);
        if number > 0 {
            feed.ready(place);
        }
        feed.stream.expire();
        assert!(feed.stream.slots().len() <= MAX_UNRESOLVED + KEPT);
    }
    assert_eq!(feed.released().last(), Some(&199));
    assert_eq!(feed.stream.slots().len(), KEPT);
}

#[test]
fn a_changed_ladder_keeps_what_stays_and_drops_what_goes() {
    let mut feed = Feed::new(None);
    let (place, _) = feed.announce(0);
    feed.ready(place);
    let ladder = ["P360p30fps16x9", "P144p30fps16x9"].map(|name| Profile::preset(name).unwrap());
    feed.stream.set_ladder(&ladder).unwrap();
    let since: Vec<_> = feed
        .stream
        .renditions
        .iter()
        .map(|v| (v.name.as_str(), v.since))
        .collect();
    assert_eq!(
        since,
        [("P360p30fps16x9", Some(0)), ("P144p30fps16x9", None)]
    );

    let twice = [ladder[0].clone(), ladder[0].clone()];
    assert!(matches!(
        feed.stream.set_ladder(&twice),
        Err(OpenError::Name(_))
    ));
    let named = Profile {
        name: "source".into(),
        ..ladder[0].clone()
    };
    assert!(matches!(
        feed.stream.set_ladder(&[named]),
        Err(OpenError::Name(_))
    ));
    let many: Vec<_> = (0..17)
        .map(|n| Profile {
            name: n.to_string(),
            ..ladder[0].clone()
        })
        .collect();
    assert!(matches!(
        feed.stream.set_ladder(&many),
        Err(OpenError::TooManyRenditions(17))
    ));
}

#[test]
fn the_next_process_goes_on_where_this_one_stopped() {
    let mut feed = Feed::new(None);
    for number in 3..10 {
        let (place, _) = feed.announce(number);
        if number < 8 {
            feed.ready(place);
        }
    }
    let kept = feed.stream.kept();

    // The publisher sends again what was not answered.
    let mut again = Feed::new(Some(kept.clone()));
    assert_eq!(again.stream.next_number(), Some(10));
    for number in 8..12 {
        let (place, _) = again.announce(number);
        again.ready(place);
    }
    assert_eq!(again.released(), [8, 9, 10, 11]);
    assert!(again.stream.slots().iter().all(|slot| !slot.discontinuity));

    // The publisher goes on, or starts over.
    for (first, cut) in [
        (10, Feed::cut(10)),
        (
            10,
            Cut {
                discontinuity: true,
                ..Feed::cut(0)
            },
        ),
    ] {
        let mut other = Feed::new(Some(kept.clone()));
        other.announce_cut(cut.clone());
        other.now += REORDER_PATIENCE;
        other.stream.settle(other.now);
        assert_eq!(other.sources(), [first], "{cut:?}");
        assert_eq!(other.stream.slots()[0].discontinuity, cut.discontinuity);
        assert_eq!(other.stream.kept().unfinished.len(), 1);
    }
}

#[test]
fn the_target_duration_never_falls() {
    let mut feed = Feed::new(None);
    feed.announce_cut(Cut {
        duration: Duration::from_millis(4_600),
        ..Feed::cut(0)
    });
    assert_eq!(feed.stream.target_s(), 5);
    feed.announce(1);
    assert_eq!(feed.stream.target_s(), 5);
    assert_eq!(Stream::new(Some(feed.stream.kept()), TWO).target_s(), 5);
}
