//! Which graphics card the system shows, by files alone. Whether it can be used is found out by trying it.

use std::fs;
use std::path::Path;

use super::{Check, Finding, State};

/// NVIDIA's number on the PCI bus.
const NVIDIA: &str = "0x10de";

/// PCI class of displays and 3D controllers.
const DISPLAY_CLASS: &str = "0x03";

/// Looks below `root`, which is `/` but in tests.
pub(super) fn look(root: &Path) -> Finding {
    let cards = cards(root);
    let driver = fs::read_to_string(root.join("proc/driver/nvidia/version")).ok();
    let device = root.join("dev/nvidia0").exists();
    let note = |found: String, cause: &str, fix: &str| {
        Finding::new(Check::Gpu, State::Note, found, cause, fix)
    };
    let by_processor = "the processor does the work";
    match (driver, device) {
        (Some(driver), true) => {
            let version = version(&driver);
            let found = format!("NVIDIA driver {version} and /dev/nvidia0 are there");
            Finding::ok(Check::Gpu, found)
        }
        (Some(driver), false) => note(
            format!("NVIDIA driver {} without /dev/nvidia0", version(&driver)),
            "the device is not given to this container, or nvidia-modprobe has not run",
            "start the container with --gpus all",
        ),
        (None, _) if cards > 0 => note(
            format!("{cards} NVIDIA card(s) without a driver; {by_processor}"),
            "/proc/driver/nvidia/version is not there: the kernel module is not loaded",
            "install the driver of the distribution and load the module with modprobe nvidia",
        ),
        (None, _) => note(
            format!("no NVIDIA card; {by_processor}"),
            "no display device of NVIDIA is on the PCI bus and no driver is loaded",
            "",
        ),
    }
}

fn cards(root: &Path) -> usize {
    let Ok(devices) = fs::read_dir(root.join("sys/bus/pci/devices")) else {
        return 0;
    };
    let says = |device: &fs::DirEntry, file: &str, start: &str| {
        fs::read_to_string(device.path().join(file)).is_ok_and(|text| text.starts_with(start))
    };
    devices
        .flatten()
        .filter(|device| says(device, "vendor", NVIDIA) && says(device, "class", DISPLAY_CLASS))
        .count()
}

/// The first word of the driver's line that looks like a version.
fn version(driver: &str) -> &str {
    let mut words = driver.lines().next().unwrap_or_default().split_whitespace();
    words
        .find(|word| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit()))
        .unwrap_or("of unknown version")
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
    fn card_driver_and_device_are_told_apart() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        assert!(look(root).found.starts_with("no NVIDIA card"));
        write(root, "sys/bus/pci/devices/0/vendor", "0x10de\n");
        write(root, "sys/bus/pci/devices/0/class", "0x040300\n");
        assert!(
            look(root).found.starts_with("no NVIDIA card"),
            "sound is no card"
        );
        write(root, "sys/bus/pci/devices/1/vendor", "0x10de\n");
        write(root, "sys/bus/pci/devices/1/class", "0x030200\n");
        let finding = look(root);
        assert!(
            finding
                .found
                .starts_with("1 NVIDIA card(s) without a driver"),
            "{finding:?}"
        );
        let line = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5\nGCC\n";
        write(root, "proc/driver/nvidia/version", line);
        let finding = look(root);
        assert_eq!(
            finding.found,
            "NVIDIA driver 550.54.15 without /dev/nvidia0"
        );
        write(root, "dev/nvidia0", "");
        assert_eq!(look(root).state, State::Ok);
    }
}
