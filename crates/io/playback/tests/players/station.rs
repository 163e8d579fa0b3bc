//! A library on a port of its own, fed with film as fast as it plays.

use std::sync::Arc;
use std::time::Duration;

use streamflow_media::inspect::inspect;
use streamflow_playback::{
    DeliveryPath, Facts, Library, LibraryOptions, Place, RenditionToPublish, RouterOptions, router,
};
use streamflow_runtime::{Metrics, Shutdown, SystemClock};
use streamflow_storage::SegmentStore;
use streamflow_types::{Container, ManifestId, SegmentNumber, SourceSegment};
use tokio::task::JoinHandle;

use crate::film::{Film, SEGMENTS};

const SEGMENT_TIME: Duration = Duration::from_secs(2);

/// What transcoding takes in this station.
const TRANSCODING: Duration = Duration::from_millis(350);

pub(crate) struct Station {
    pub(crate) library: Library,
    pub(crate) manifest: ManifestId,
    pub(crate) address: String,
    film: Arc<Film>,
    shutdown: Shutdown,
}

impl Station {
    pub(crate) async fn open(film: Arc<Film>) -> Self {
        let (clock, metrics) = (Arc::new(SystemClock), Metrics::new());
        let store = SegmentStore::in_memory(64 * 1024 * 1024, clock.clone(), &metrics);
        let library = Library::new(LibraryOptions::default(), store, clock, &metrics);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let doors = router(
            library.clone(),
            &RouterOptions {
                current: false,
                player: true,
            },
        );
        tokio::spawn(async move { axum::serve(listener, doors).await });
        let shutdown = Shutdown::new();
        let (running, stop) = (library.clone(), shutdown.clone());
        tokio::spawn(async move { running.run(stop).await });
        let manifest = ManifestId::new("bunny").unwrap();
        Self {
            library,
            manifest,
            address,
            film,
            shutdown,
        }
    }

    /// Publishes one segment with all its renditions.
    pub(crate) async fn publish(&self, number: u64, discontinuity: bool, delay: Duration) {
        let place = self.source(number, discontinuity).await;
        tokio::time::sleep(delay).await;
        let renditions = Film::ladder().into_iter().map(|profile| {
            let bytes = self.film.segment(&profile.name, number % SEGMENTS);
            let facts = measure(&bytes);
            RenditionToPublish {
                profile: profile.name,
                container: Container::MpegTs,
                bytes,
                facts,
            }
        });
        let (path, made) = (DeliveryPath::Network, renditions.collect());
        self.library
            .publish_renditions(&self.manifest, place, path, made)
            .await
            .unwrap();
    }

    /// Publishes one segment that nobody could transcode.
    pub(crate) async fn lose(&self, number: u64) {
        let place = self.source(number, false).await;
        self.library
            .publish_gap(&self.manifest, place)
            .await
            .unwrap();
    }

    async fn source(&self, number: u64, discontinuity: bool) -> Place {
        let bytes = self.film.segment("source", number % SEGMENTS);
        let facts = measure(&bytes);
        let segment = SourceSegment {
            manifest: self.manifest.clone(),
            number: SegmentNumber(number),
            duration: SEGMENT_TIME,
            container: Container::MpegTs,
            bytes,
            discontinuity,
        };
        self.library
            .publish_source(&segment, facts.as_ref())
            .await
            .unwrap()
            .place
    }

    /// Publishes from the film's start, in real time after the first three segments, until
    /// aborted. The film starts over when it ends.
    pub(crate) async fn on_air(self: &Arc<Self>, came_back: bool) -> JoinHandle<()> {
        self.on_air_with_ladder_from(0, came_back).await
    }

    /// The same, and nobody transcodes the segments before this one.
    pub(crate) async fn on_air_with_ladder_from(
        self: &Arc<Self>,
        first: u64,
        came_back: bool,
    ) -> JoinHandle<()> {
        self.library
            .open_stream(&self.manifest, &Film::ladder())
            .await
            .unwrap();
        let station = self.clone();
        tokio::spawn(async move {
            let mut beat = tokio::time::interval(SEGMENT_TIME);
            for number in 0.. {
                let delay = match number {
                    0..3 => Duration::ZERO,
                    _ => {
                        beat.tick().await;
                        TRANSCODING
                    }
                };
                if number < first {
                    station.lose(number).await;
                    continue;
                }
                let starts_over = number != 0 && number % SEGMENTS == 0;
                let discontinuity = starts_over || came_back && number == 0;
                station.publish(number, discontinuity, delay).await;
            }
        })
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        self.shutdown.stop();
    }
}

fn measure(bytes: &[u8]) -> Option<Facts> {
    inspect(bytes).ok().as_ref().map(Facts::from)
}
