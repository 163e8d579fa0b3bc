//! Lines written for the network's first node program.

use std::os::unix::process::CommandExt;

use crate::program::{Home, Ran};

#[test]
fn flags_about_money_are_refused() {
    let home = Home::new();
    let ran = home.run(&[
        "-gateway",
        "-network",
        "arbitrum-one-mainnet",
        "-ethUrl",
        "http://x",
    ]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
    assert!(
        ran.err
            .contains("payments on chain are not offered by this build yet"),
        "{}",
        ran.err
    );
}

#[test]
fn the_program_name_chooses_the_mode() {
    let home = Home::new();
    let mut command = home.command(&["--broadcaster", "-orchAdr", "x"]);
    let ran = Ran::new(command.arg0("livepeer").output().unwrap());
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("did you mean -orchAddr?"), "{}", ran.err);
}

#[test]
fn the_version_is_printed() {
    let home = Home::new();
    let mut called_otherwise = home.command(&["-version"]);
    let ran = Ran::new(called_otherwise.arg0("livepeer").output().unwrap());
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "streamflow 0.1.0\n"),
        "{ran:?}"
    );
    assert_eq!(home.run(&["-version"]).out, "streamflow 0.1.0\n");
}
