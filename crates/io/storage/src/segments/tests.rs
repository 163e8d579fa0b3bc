use std::collections::HashMap;
use std::io;

use streamflow_runtime::ManualClock;

use super::*;

fn segment(fill: u8, len: usize) -> Bytes {
    Bytes::from(vec![fill; len])
}

fn small(memory: u64) -> SegmentStore {
    SegmentStore::in_memory(memory, Arc::new(ManualClock::default()), &Metrics::new())
}

async fn spilling(folder: &std::path::Path, memory_bytes: u64, disk_bytes: u64) -> SegmentStore {
    let config = StoreConfig {
        memory_bytes,
        disk_bytes,
        folder: Some(folder.to_owned()),
    };
    SegmentStore::open(config, Arc::new(ManualClock::default()), &Metrics::new())
        .await
        .unwrap()
}

/// How many small segments the file of spilled ones has room for: each takes a block.
fn spilled(folder: &std::path::Path) -> u64 {
    let file = std::fs::metadata(folder.join("spilled.segment")).unwrap();
    file.len().div_ceil(4096)
}

async fn eventually(mut met: impl FnMut() -> bool) {
    for _ in 0..500 {
        if met() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not met within five seconds");
}

#[tokio::test]
async fn a_group_keeps_its_newest_segments_and_an_owner_takes_all_with_it() {
    let store = small(1_000);
    let owner = store.owner("stream", 2).unwrap();
    for number in 0..4u8 {
        owner
            .put("source", &number.to_string(), segment(number, 10))
            .await
            .unwrap();
    }
    owner.put("240p", "3", segment(9, 5)).await.unwrap();
    assert_eq!(owner.read("source", "1").await.unwrap(), None);
    assert_eq!(
        store.read("stream", "source", "2").await.unwrap(),
        Some(segment(2, 10))
    );
    assert_eq!(
        store.usage(),
        Usage {
            memory_bytes: 25,
            disk_bytes: 0,
            segments: 3
        }
    );
    assert!(matches!(
        store.owner("stream", 2),
        Err(OwnerError::Taken(_))
    ));

    owner.remove("source", "2");
    assert_eq!(store.usage().segments, 2);
    drop(owner);
    assert_eq!(store.usage(), Usage::default());
    assert!(store.owner("stream", 2).is_ok());
}

#[tokio::test]
async fn a_name_put_twice_is_replaced() {
    let store = small(100);
    let owner = store.owner("stream", 4).unwrap();
    owner.put("source", "7", segment(1, 10)).await.unwrap();
    owner.put("source", "7", segment(2, 20)).await.unwrap();
    assert_eq!(
        owner.read("source", "7").await.unwrap(),
        Some(segment(2, 20))
    );
    assert_eq!(store.usage().memory_bytes, 20);
}

#[tokio::test]
async fn without_a_folder_the_oldest_are_dropped() {
    let store = small(100);
    let owner = store.owner("stream", 50).unwrap();
    for number in 0..20u8 {
        owner
            .put("source", &number.to_string(), segment(number, 10))
            .await
            .unwrap();
        assert!(store.usage().memory_bytes <= 100);
    }
    assert_eq!(owner.read("source", "9").await.unwrap(), None);
    assert_eq!(
        owner.read("source", "19").await.unwrap(),
        Some(segment(19, 10))
    );
    let refused = owner.put("source", "big", segment(0, 101)).await;
    assert_eq!(
        refused,
        Err(PutError::TooLarge {
            len: 101,
            budget: 100
        })
    );
}

#[tokio::test]
async fn what_does_not_fit_in_memory_is_read_back_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = spilling(folder.path(), 100, 1_000).await;
    let owner = store.owner("stream", 50).unwrap();
    for number in 0..20u8 {
        owner
            .put("source", &number.to_string(), segment(number, 10))
            .await
            .unwrap();
        assert!(store.usage().memory_bytes <= 100);
    }
    assert_eq!(
        store.usage(),
        Usage {
            memory_bytes: 100,
            disk_bytes: 100,
            segments: 20
        }
    );
    assert_eq!(spilled(folder.path()), 10);
    for number in 0..20u8 {
        let read = owner.read("source", &number.to_string()).await.unwrap();
        assert_eq!(read, Some(segment(number, 10)));
    }
    drop(owner);
    eventually(|| spilled(folder.path()) == 0).await;
}

#[tokio::test]
async fn files_stay_within_their_budget() {
    let folder = tempfile::tempdir().unwrap();
    let store = spilling(folder.path(), 50, 30).await;
    let owner = store.owner("stream", 50).unwrap();
    for number in 0..20u8 {
        owner
            .put("source", &number.to_string(), segment(number, 10))
            .await
            .unwrap();
        assert!(store.usage().disk_bytes <= 30);
    }
    assert_eq!(spilled(folder.path()), 3);
    assert_eq!(owner.read("source", "11").await.unwrap(), None);
    assert_eq!(
        owner.read("source", "12").await.unwrap(),
        Some(segment(12, 10))
    );
}

#[tokio::test]
async fn a_start_removes_what_a_crash_left_and_keeps_a_second_process_out() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("17.segment"), b"left").unwrap();
    std::fs::write(folder.path().join("notes.txt"), b"not ours").unwrap();
    let store = spilling(folder.path(), 50, 30).await;
    assert!(!folder.path().join("17.segment").exists());
    assert!(folder.path().join("notes.txt").exists());

    let config = StoreConfig {
        memory_bytes: 1,
        disk_bytes: 1,
        folder: Some(folder.path().to_owned()),
    };
    let clock = Arc::new(ManualClock::default());
    let second = SegmentStore::open(config.clone(), clock.clone(), &Metrics::new()).await;
    assert!(matches!(second, Err(OpenError::InUse(_))));
    drop(store);
    assert!(
        SegmentStore::open(config, clock, &Metrics::new())
            .await
            .is_ok()
    );
}

/// Files that can be told to be full.
#[derive(Default)]
struct Fickle {
    full: std::sync::atomic::AtomicBool,
    kept: Mutex<HashMap<ItemId, Bytes>>,
}

impl Files for Fickle {
    fn write(&self, id: ItemId, bytes: &Bytes) -> io::Result<()> {
        if self.full.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.kept.lock().unwrap().insert(id, bytes.clone());
        Ok(())
    }

    fn read(&self, id: ItemId) -> io::Result<Bytes> {
        let kept = self.kept.lock().unwrap();
        kept.get(&id)
            .cloned()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn remove(&self, id: ItemId) {
        self.kept.lock().unwrap().remove(&id);
    }
}

#[tokio::test]
async fn a_full_disk_is_reported_costs_only_old_segments_and_heals() {
    let (clock, files) = (
        Arc::new(ManualClock::default()),
        Arc::new(Fickle::default()),
    );
    let config = StoreConfig {
        memory_bytes: 50,
        disk_bytes: 1_000,
        folder: None,
    };
    let store =
        SegmentStore::with_files(config, Some(files.clone()), clock.clone(), &Metrics::new());
    let owner = store.owner("stream", 50).unwrap();
    files.full.store(true, std::sync::atomic::Ordering::Relaxed);
    for number in 0..10u8 {
        let name = number.to_string();
        owner
            .put("source", &name, segment(number, 10))
            .await
            .unwrap();
        assert_eq!(
            owner.read("source", &name).await.unwrap(),
            Some(segment(number, 10))
        );
    }
    assert_eq!(store.fault(), Some(SpillFault::DiskFull));
    assert_eq!(
        store.usage(),
        Usage {
            memory_bytes: 50,
            disk_bytes: 0,
            segments: 5
        }
    );

    files
        .full
        .store(false, std::sync::atomic::Ordering::Relaxed);
    clock.advance(FAULT_PAUSE);
    owner.put("source", "10", segment(10, 10)).await.unwrap();
    assert_eq!(store.fault(), None);
    assert_eq!(
        owner.read("source", "5").await.unwrap(),
        Some(segment(5, 10))
    );
    assert_eq!(store.usage().disk_bytes, 10);
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_not_a_wrong_segment() {
    let folder = tempfile::tempdir().unwrap();
    let store = spilling(folder.path(), 10, 100).await;
    let owner = store.owner("stream", 50).unwrap();
    owner.put("source", "0", segment(0, 10)).await.unwrap();
    owner.put("source", "1", segment(1, 10)).await.unwrap();
    std::fs::write(folder.path().join("spilled.segment"), b"short").unwrap();
    let damaged = owner.read("source", "0").await;
    assert!(matches!(damaged, Err(ReadError::Io(_))), "{damaged:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_and_readers_side_by_side_lose_nothing_that_fits() {
    let folder = tempfile::tempdir().unwrap();
    let store = spilling(folder.path(), 200, 10_000).await;
    let mut tasks = tokio::task::JoinSet::new();
    for stream in 0..8u8 {
        let store = store.clone();
        tasks.spawn(async move {
            let owner = store.owner(&stream.to_string(), 12).unwrap();
            for number in 0..60u8 {
                owner
                    .put("g", &number.to_string(), segment(number, 10))
                    .await
                    .unwrap();
                for back in 0..number.min(12) {
                    let name = (number - back).to_string();
                    let read = owner.read("g", &name).await.unwrap();
                    assert_eq!(read, Some(segment(number - back, 10)));
                }
            }
            owner
        });
    }
    let owners = tasks.join_all().await;
    assert_eq!(store.usage().segments, 8 * 12);
    drop(owners);
    assert_eq!(store.usage(), Usage::default());
    eventually(|| spilled(folder.path()) == 0).await;
}
