//! Links libzimg and passes on which FFmpeg interface the libraries here have.

/// Versions at which an interface used by this crate changed.
const VERSIONS: [&str; 3] = ["ffmpeg_6_0", "ffmpeg_6_1", "ffmpeg_7_0"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if let Err(error) = pkg_config::Config::new()
        .atleast_version("3.0")
        .probe("zimg")
    {
        println!("cargo:warning=install the zimg development package (libzimg-dev): {error}");
        println!("cargo:rustc-link-lib=zimg");
    }
    for version in VERSIONS {
        // ffmpeg-sys-next publishes one such variable for each version it knows.
        let name = format!("DEP_FFMPEG_{}", version.to_uppercase());
        println!("cargo:rerun-if-env-changed={name}");
        if std::env::var(&name).is_ok_and(|value| value == "true") {
            println!("cargo:rustc-cfg={version}");
        }
    }
}
