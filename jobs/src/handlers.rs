//! Each kind of work is one call of the workflow, which may be made again at any point.

use conman_domain::job::{Job, Work};
use conman_workflow::{JobContext, Result, Workflow};
use futures::future::BoxFuture;
use serde_json::Value;

/// Does what a job says; answers what came out.
///
/// Boxed, because the compiler does not see through the nested futures that they may move between threads.
pub(crate) fn handle<'a>(
    workflow: &'a Workflow,
    context: &'a JobContext,
    job: &'a Job,
) -> BoxFuture<'a, Result<Value>> {
    Box::pin(async move { work(workflow, context, job).await })
}

async fn work(workflow: &Workflow, context: &JobContext, job: &Job) -> Result<Value> {
    match &job.work {
        Work::MsuiteSubmit { changeset_id, revision } => {
            workflow.validate_revision(context, *changeset_id, *revision).await
        }
        Work::RevalidateQueuedChangeset { changeset_id } => {
            workflow.revalidate_queued(context, *changeset_id).await
        }
        Work::ReleaseAssemble { release_id, on_isolation } => {
            workflow.compose_release(context, *release_id, *on_isolation).await
        }
        Work::ReleasePublish { release_id, published_by } => {
            workflow.run_publication(context, *release_id, *published_by).await
        }
        Work::DeployRelease { deployment_id } => workflow.run_deployment(context, *deployment_id).await,
        Work::SendNotification { mail_id } => workflow.send_mail(context, *mail_id).await,
    }
}
