//! What environments run, and what their workers say: reads and reports of the distribution database.

use crate::error::Result;
use crate::services::Workflow;
use bytes::Bytes;
use conman_distribution::{WorkerReport, WorkerSession};
use conman_domain::id::{AppId, EnvironmentId};
use conman_domain::snapshot::{ContentHash, Snapshot};

impl Workflow {
    /// The whole configuration that an environment runs; none before its first deployment.
    pub async fn snapshot(&self, app_id: AppId, environment: EnvironmentId) -> Result<Option<Snapshot>> {
        Ok(self.distribution().snapshot(app_id, environment).await?)
    }

    /// The config version that an environment runs, by the distribution database itself; none before its first deployment.
    ///
    /// Whoever was told of a version by another server finds it here. Those who ask at once, as the many streams do after a
    /// change, share what they ask.
    pub async fn active_version(&self, app_id: AppId, environment: EnvironmentId) -> Result<Option<u32>> {
        let version = self.newest_values(app_id, environment).await?.version.0;
        Ok((version > 0).then_some(version))
    }

    /// A file's content by its hash, as far as the environment runs it or did lately.
    pub async fn file(
        &self,
        app_id: AppId,
        environment: EnvironmentId,
        hash: &ContentHash,
    ) -> Result<Option<Bytes>> {
        Ok(self.distribution().file(app_id, environment, hash).await?)
    }

    /// What the environment's workers last said of themselves.
    pub async fn workers(&self, app_id: AppId, environment: EnvironmentId) -> Result<Vec<WorkerSession>> {
        Ok(self.distribution().workers(app_id, environment).await?)
    }

    /// Writes down what a worker says of itself.
    pub async fn report(
        &self,
        app_id: AppId,
        environment: EnvironmentId,
        report: WorkerReport,
    ) -> Result<()> {
        let refuses = report.refused.is_some();
        self.distribution().report(app_id, environment, report).await?;
        if refuses && let Err(error) = self.refused_by_worker(app_id, environment).await {
            // The report is written down; runners look for refusals as well.
            tracing::warn!(error = &error as &dyn std::error::Error, %environment, "a refusal was not looked into");
        }
        Ok(())
    }
}
