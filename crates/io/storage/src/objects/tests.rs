use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use streamflow_runtime::{Clock, ManualClock};
use streamflow_wire::proto::S3osInfo;
use streamflow_wire::storage::S3Account;

use super::*;

fn key(text: &str) -> ObjectKey {
    ObjectKey::new(text).unwrap()
}

#[test]
fn keys_stay_inside_their_store() {
    for good in [
        "a",
        "demo/0a0b/source/7.ts",
        "P240p30fps16x9/7.ts.phash",
        "..a/b..",
    ] {
        assert!(ObjectKey::new(good).is_ok(), "{good}");
    }
    for bad in ["", "/a", "a/", "a//b", "../a", "a/./b", "a\\b", "a\nb", "ü"] {
        assert!(ObjectKey::new(bad).is_err(), "{bad:?}");
    }
    assert!(ObjectKey::new(&"x".repeat(MAX_KEY_BYTES + 1)).is_err());
    assert_eq!(key("a/b").join(&key("c")).unwrap(), key("a/b/c"));
}

async fn keeps_objects(store: &dyn ObjectStore) {
    let name = key("demo/source/7.ts");
    assert_eq!(store.read(&name, 10).await.unwrap(), None);
    store.put(&name, Bytes::from_static(b"one")).await.unwrap();
    let url = store
        .put(&name, Bytes::from_static(b"again"))
        .await
        .unwrap();
    assert!(url.ends_with("demo/source/7.ts"), "{url}");
    assert_eq!(store.read(&name, 5).await.unwrap().unwrap(), "again");
    assert!(matches!(
        store.read(&name, 4).await,
        Err(ObjectError::TooLarge { limit: 4 })
    ));
    assert_eq!(store.read(&key("demo/source/8.ts"), 9).await.unwrap(), None);
}

#[tokio::test]
async fn memory_keeps_objects_up_to_its_size() {
    let store = MemoryObjects::new(10);
    keeps_objects(&store).await;
    let refused = store.put(&key("b"), Bytes::from(vec![0; 6])).await;
    assert!(matches!(refused, Err(ObjectError::Full { limit: 10 })));
}

#[tokio::test]
async fn a_folder_keeps_objects_as_files_and_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = FolderObjects::new(folder.path().join("objects"));
    keeps_objects(&store).await;
    let names: Vec<_> = std::fs::read_dir(folder.path().join("objects"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, ["demo"]);
    // A file where a folder should be.
    let refused = store
        .put(&key("demo/source/7.ts/8.ts"), Bytes::from_static(b"x"))
        .await;
    assert!(matches!(refused, Err(ObjectError::Io(_))));
    assert_eq!(
        std::fs::read_dir(folder.path().join("objects"))
            .unwrap()
            .count(),
        1
    );
}

/// A store that takes forms and remembers what came, in order.
#[derive(Clone, Default)]
struct Bucket {
    forms: Arc<Mutex<Vec<Form>>>,
    files: Arc<Mutex<BTreeMap<String, Bytes>>>,
    says: Arc<Mutex<(u16, String)>>,
    delay: Arc<Mutex<Duration>>,
}

struct Form {
    path: String,
    fields: BTreeMap<String, String>,
    last: String,
}

impl Bucket {
    async fn serve(&self) -> String {
        *self.says.lock().unwrap() = (204, String::new());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }
}

async fn answer(State(bucket): State<Bucket>, request: Request) -> Response {
    let delay = *bucket.delay.lock().unwrap();
    tokio::time::sleep(delay).await;
    let path = request.uri().path().to_owned();
    if request.method() == Method::GET {
        let found = bucket.files.lock().unwrap().get(&path).cloned();
        return match found {
            Some(bytes) => bytes.into_response(),
            None => axum::http::StatusCode::NOT_FOUND.into_response(),
        };
    }
    assert!(
        request.headers().contains_key("content-length"),
        "stores refuse chunked forms"
    );
    let mut form = Multipart::from_request(request, &()).await.unwrap();
    let (mut fields, mut last) = (BTreeMap::new(), String::new());
    while let Some(part) = form.next_field().await.unwrap() {
        last = part.name().unwrap().to_owned();
        if let Some(file) = part.file_name() {
            fields.insert("file name".into(), file.to_owned());
        }
        fields.insert(last.clone(), part.text().await.unwrap());
    }
    let folder = fields["key"].replace("${filename}", &fields["file name"]);
    let content = Bytes::from(fields["file"].clone());
    let stored = format!("{}/{folder}", path.trim_end_matches('/'));
    bucket.files.lock().unwrap().insert(stored, content);
    bucket
        .forms
        .lock()
        .unwrap()
        .push(Form { path, fields, last });
    let (status, text) = bucket.says.lock().unwrap().clone();
    Response::builder()
        .status(status)
        .body(Body::from(text))
        .unwrap()
}

fn vectors() -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../tests/vectors/storage.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn peer(host: &str) -> OsInfo {
    let info = &vectors()["upload_os_info"];
    let text = |name: &str| info[name].as_str().unwrap().to_owned();
    OsInfo {
        storage_type: 1,
        s3info: Some(S3osInfo {
            host: host.to_owned(),
            key: text("key"),
            policy: text("policy"),
            signature: text("signature"),
            credential: text("credential"),
            x_amz_date: text("xAmzDate"),
        }),
    }
}

#[tokio::test]
async fn uploads_with_a_peers_credentials_are_those_of_the_network() {
    let bucket = Bucket::default();
    let host = bucket.serve().await;
    let store = PeerObjects::new(peer(&host), ObjectClient::new().unwrap()).unwrap();
    let cases = vectors()["upload"].as_array().unwrap().clone();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let name = key(case["name"].as_str().unwrap());
        let content = case["fields"]["file"].as_str().unwrap().to_owned();
        let url = store
            .put(&name, Bytes::from(content.clone()))
            .await
            .unwrap();
        assert_eq!(
            url,
            case["result_url"]
                .as_str()
                .unwrap()
                .replace("<host>", &host)
        );
        let form = bucket.forms.lock().unwrap().pop().unwrap();
        assert_eq!(form.path, case["path"]);
        assert_eq!(
            serde_json::to_value(&form.fields).unwrap(),
            case["fields"],
            "{name}"
        );
        assert_eq!(form.last, case["last_field"]);
        assert_eq!(store.read(&name, 100).await.unwrap().unwrap(), content);
    }
}

#[tokio::test]
async fn a_bucket_of_our_own_is_used_and_handed_over_below_its_prefix() {
    let bucket = Bucket::default();
    let host = bucket.serve().await;
    let endpoint = host.strip_prefix("http://").unwrap();
    let account = S3Account::custom("AK", "SK", "http", endpoint, "films");
    let (client, clock) = (
        ObjectClient::new().unwrap(),
        Arc::new(ManualClock::default()),
    );
    let store = S3Objects::new(
        account.clone(),
        Some(key("live")),
        client.clone(),
        clock.clone(),
    );
    keeps_objects(&store).await;
    let form = bucket.forms.lock().unwrap().pop().unwrap();
    assert_eq!(
        (form.path.as_str(), form.fields["key"].as_str()),
        ("/films", "live/demo/source/${filename}")
    );

    let info = store
        .hand_over(&key("demo/0a0b0c0d"), clock.unix())
        .unwrap();
    assert_eq!(info.s3info.as_ref().unwrap().key, "live/demo/0a0b0c0d");
    let peer = PeerObjects::new(info, client.clone()).unwrap();
    let url = peer
        .put(&key("240p/7.ts"), Bytes::from_static(b"x"))
        .await
        .unwrap();
    assert_eq!(url, format!("{host}/films/live/demo/0a0b0c0d/240p/7.ts"));
    assert_eq!(
        store
            .read(&key("demo/0a0b0c0d/240p/7.ts"), 9)
            .await
            .unwrap()
            .unwrap(),
        "x"
    );

    let root = S3Objects::new(account, None, client, clock);
    assert_eq!(
        root.put(&key("a.ts"), Bytes::new()).await.unwrap(),
        format!("{host}/films/a.ts")
    );
    assert_eq!(
        bucket.forms.lock().unwrap().pop().unwrap().fields["key"],
        "${filename}"
    );
}

#[tokio::test]
async fn a_store_that_says_anything_refuses() {
    let bucket = Bucket::default();
    let host = bucket.serve().await;
    let store = PeerObjects::new(peer(&host), ObjectClient::new().unwrap()).unwrap();
    let long = "x".repeat(100_000);
    for (status, text) in [
        (403, "<Error>\nAccessDenied"),
        (200, "no"),
        (302, ""),
        (200, &long),
    ] {
        *bucket.says.lock().unwrap() = (status, text.to_owned());
        let refused = store.put(&key("a/7.ts"), Bytes::from_static(b"x")).await;
        let Err(ObjectError::Refused {
            status: found,
            text,
        }) = refused
        else {
            panic!("{refused:?}")
        };
        assert_eq!(found, status);
        assert!(text.len() <= 300 && !text.contains('\n'));
    }
}

#[tokio::test]
async fn stores_that_do_not_answer_or_cannot_be_used_are_told_apart() {
    let client = ObjectClient::new().unwrap();
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let gone = PeerObjects::new(peer(&format!("http://{address}")), client.clone()).unwrap();
    let refused = gone.put(&key("a/7.ts"), Bytes::new()).await;
    assert!(
        matches!(refused, Err(ObjectError::Unreachable(_))),
        "{refused:?}"
    );

    for host in ["file:///etc", "ftp://x", "http://user:pw@x", "nothing"] {
        let refused = PeerObjects::new(peer(host), client.clone());
        assert!(matches!(refused, Err(ObjectError::Address(_))), "{host}");
    }
    let direct = OsInfo {
        storage_type: 0,
        ..peer("http://x")
    };
    let direct = PeerObjects::new(direct, client.clone()).unwrap();
    let refused = direct.put(&key("a/7.ts"), Bytes::new()).await;
    assert!(matches!(
        refused,
        Err(ObjectError::HandOver(UploadError::Kind))
    ));

    let bucket = Bucket::default();
    let host = bucket.serve().await;
    *bucket.delay.lock().unwrap() = Duration::from_secs(60);
    let hasty = ObjectClient::within(Duration::from_millis(100)).unwrap();
    let silent = PeerObjects::new(peer(&host), hasty).unwrap();
    let late = silent.put(&key("a/7.ts"), Bytes::new()).await;
    assert!(matches!(late, Err(ObjectError::Timeout)), "{late:?}");
}
