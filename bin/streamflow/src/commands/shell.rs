//! `streamflow completions` and `man`.

use std::io;

use crate::cli::{command, command_reference};

/// Prints completions for a shell.
pub(crate) fn completions(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(true), "streamflow", &mut script);
    io::Write::write_all(&mut io::stdout(), &script)?;
    Ok(())
}

/// Prints the manual page.
pub(crate) fn man() -> anyhow::Result<()> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command(true)).render(&mut page)?;
    io::Write::write_all(&mut io::stdout(), &page)?;
    Ok(())
}

/// Prints every verb and option as a Markdown page.
pub(crate) fn reference() -> anyhow::Result<()> {
    io::Write::write_all(&mut io::stdout(), command_reference().as_bytes())?;
    Ok(())
}
