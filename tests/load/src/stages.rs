//! Where the time of a segment goes, from what the client saw and what each role counted.

use crate::roles::{Role, Roles, TRANSCODING};

/// Milliseconds of the mean segment.
pub(crate) struct Stages {
    /// What the transcoder took for itself.
    pub(crate) own: f64,
    /// The rest, in the order a segment passes.
    rest: [(&'static str, f64); 5],
}

impl Stages {
    /// `took` is what the client saw, in milliseconds.
    pub(crate) async fn of(roles: &Roles, took: &[f64]) -> anyhow::Result<Self> {
        let mean = async |role, name| {
            let (seconds, count) = roles.spent(role, name).await?;
            anyhow::Ok(seconds / count * 1e3)
        };
        let total = took.iter().sum::<f64>() / took.len().max(1) as f64;
        let gateway = mean(Role::Gateway, "livepeer_transcode_overall_latency_seconds").await?;
        let upload = mean(Role::Gateway, "livepeer_upload_time_seconds").await?;
        let download = mean(Role::Gateway, "livepeer_download_time_seconds").await?;
        let orchestrator = mean(Role::Orchestrator, "livepeer_transcode_time_seconds").await?;
        let own = mean(Role::Transcoder, TRANSCODING).await?;
        Ok(Self {
            own,
            rest: [
                ("client to gateway and back", total - gateway),
                ("gateway to orchestrator", upload),
                ("orchestrator to transcoder and back", orchestrator - own),
                ("renditions to gateway, checked", download),
                (
                    "result, and what lies between",
                    gateway - upload - orchestrator - download,
                ),
            ],
        })
    }

    pub(crate) fn print(&self) {
        for (stage, ms) in self.rest {
            println!("        {stage:<38}{ms:>8.2} ms");
        }
    }
}
