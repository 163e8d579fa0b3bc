//! The NVIDIA cards a system shows, by files alone: whether one can be used, its worker finds out.

use std::fs;
use std::path::{Path, PathBuf};

/// Cards looked at; machines hold up to 16.
const MAX_CARDS: usize = 32;

/// Longest facts file read.
const MAX_FACTS_BYTES: u64 = 16 << 10;

/// A card as the system shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its number: the place among all cards, by their place on the bus.
    pub index: u32,
    /// Its own number, by which the driver can be told to show no other.
    pub uuid: Option<String>,
    /// Its device node, where it can be told from the others'.
    pub node: Option<PathBuf>,
    /// Its model, as the driver's kernel module names it.
    pub model: Option<String>,
}

/// The cards below this root, which is `/` but in tests.
pub fn find(root: &Path) -> Vec<Found> {
    let named = by_facts(root);
    if named.is_empty() {
        by_nodes(root)
    } else {
        named
    }
}

/// As the kernel module lists them, one folder for each place on the bus.
fn by_facts(root: &Path) -> Vec<Found> {
    let Ok(entries) = fs::read_dir(root.join("proc/driver/nvidia/gpus")) else {
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    (0..)
        .zip(folders.into_iter().take(MAX_CARDS))
        .map(|(index, folder)| {
            let facts = read(&folder.join("information")).unwrap_or_default();
            let value = |name: &str| {
                let lines = facts.lines().filter_map(|line| line.split_once(':'));
                let mut values = lines.filter(|(key, _)| key.trim() == name);
                Some(values.next()?.1.trim().to_owned()).filter(|value| !value.is_empty())
            };
            let minor = value("Device Minor").and_then(|minor| minor.parse::<u32>().ok());
            Found {
                index,
                uuid: value("GPU UUID").filter(|uuid| uuid.starts_with("GPU-")),
                node: minor.map(|minor| PathBuf::from(format!("/dev/nvidia{minor}"))),
                model: value("Model"),
            }
        })
        .collect()
}

/// As many as there are device nodes; which node is which card is not known then.
fn by_nodes(root: &Path) -> Vec<Found> {
    let Ok(entries) = fs::read_dir(root.join("dev")) else {
        return Vec::new();
    };
    let is_card = |name: &str| {
        let number = name.strip_prefix("nvidia");
        number.is_some_and(|number| !number.is_empty() && number.parse::<u32>().is_ok())
    };
    let count = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_card))
        .count();
    (0..)
        .take(count.min(MAX_CARDS))
        .map(|index| Found {
            index,
            uuid: None,
            node: None,
            model: None,
        })
        .collect()
}

fn read(file: &Path) -> Option<String> {
    use std::io::Read;
    let mut text = String::new();
    let file = fs::File::open(file).ok()?;
    file.take(MAX_FACTS_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn cards_are_counted_by_their_place_on_the_bus() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        assert_eq!(find(root), []);
        for name in [
            "nvidiactl",
            "nvidia-uvm",
            "nvidia0",
            "nvidia1",
            "nvidia-caps",
        ] {
            write(root, &format!("dev/{name}"), "");
        }
        let plain = find(root);
        assert_eq!(plain.len(), 2);
        assert!(plain.iter().all(|card| card.node.is_none()));
        let facts = |uuid: &str, minor: u32| {
            format!("Model: \t\t NVIDIA H200\nGPU UUID: \t {uuid}\nDevice Minor: \t {minor}\n")
        };
        // The bus decides the order, not the node's number.
        let gpus = "proc/driver/nvidia/gpus";
        write(
            root,
            &format!("{gpus}/0000:81:00.0/information"),
            &facts("GPU-b", 0),
        );
        write(
            root,
            &format!("{gpus}/0000:01:00.0/information"),
            &facts("GPU-a", 1),
        );
        let cards = find(root);
        assert_eq!(cards.len(), 2);
        assert_eq!(cards[0].uuid.as_deref(), Some("GPU-a"));
        assert_eq!(cards[0].node.as_deref(), Some(Path::new("/dev/nvidia1")));
        assert_eq!(cards[1].model.as_deref(), Some("NVIDIA H200"));
        // A card that has not been woken shows question marks for its number.
        write(
            root,
            &format!("{gpus}/0000:01:00.0/information"),
            &facts("GPU-??", 1),
        );
        write(
            root,
            &format!("{gpus}/0000:01:00.0/information"),
            "Model: x\nGPU UUID: ???\n",
        );
        assert_eq!(
            (find(root)[0].uuid.clone(), find(root)[0].node.clone()),
            (None, None)
        );
    }
}
