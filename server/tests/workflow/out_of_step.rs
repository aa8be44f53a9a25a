//! A distribution database that knows of more than the store, as after one of the two was put back to what it was
//! before: nobody is held up, nothing is lost, and the next deployment brings the two together.

use crate::harness::Harness;
use conman_distribution::ParameterActivation;
use conman_domain::snapshot::{ChangeKind, ConfigVersion};
use serde_json::{Value, json};

on_both! {
    a_save_that_cannot_follow_fails_and_comes_with_the_next_deployment,
    a_deployment_that_cannot_follow_passes_the_versions_that_were_given,
}

/// Versions that the store knows nothing of, up to this one.
async fn gets_ahead(h: &Harness, from: u32, to: u32) {
    let (app, environment) = (h.app.parse().unwrap(), h.environments["dev"].parse().unwrap());
    let distribution = h.workflow.distribution();
    for version in from + 1..=to {
        let base = ConfigVersion(version - 1);
        let parameters = distribution.parameters_at(app, environment, base).await.unwrap().unwrap();
        let activation = ParameterActivation {
            source_id: format!("forgotten-{version}"),
            app_id: app,
            environment_id: environment,
            base_version: base,
            config_version: ConfigVersion(version),
            profile_revision: 1,
            kind: ChangeKind::Save,
            parameters,
            changed_by: "Somebody".to_owned(),
            approved_by: None,
            reason: None,
        };
        distribution.activate_parameters(activation).await.unwrap();
    }
}

async fn drafts(h: &Harness) -> Vec<Value> {
    h.all(&format!("/environments/{}/drafts", h.environments["dev"])).await
}

async fn a_save_that_cannot_follow_fails_and_comes_with_the_next_deployment(h: &Harness) {
    let release = h.has_parameters().await;
    gets_ahead(h, 1, 3).await;
    let refused = h.saves(&h.manager(), 1, json!({"beds": 11})).await.refused(409, "out_of_step");
    let told = refused["detail"].as_str().unwrap();
    assert!(told.contains("version 3 runs") && told.contains("Deploy a release"), "{refused}");
    let drafts = drafts(h).await;
    let [failed] = drafts.as_slice() else { panic!("{drafts:?}") };
    assert_eq!((&failed["state"], &failed["changes"]["beds"]["proposed"]), (&json!("failed"), &json!(11)));
    assert!(failed["failure"].as_str().unwrap().contains("version 3"), "{failed}");
    assert_eq!(failed["allowed_actions"], json!([]));
    assert_eq!(h.workflow.finish_drafts().await.unwrap(), 0, "it is over");

    // The environment is not blocked: the next one is told what to do, and that works.
    let refused = h.saves(&h.reviewer(), 1, json!({"low": 2})).await.refused(409, "profile_edited");
    assert_eq!(refused["details"]["parameters"], json!(["beds"]));
    assert_eq!(h.deploys(&release, "dev").await["config_version"], 4);
    h.saves(&h.reviewer(), 4, json!({"low": 2})).await.ok();
    let (version, values) = h.runs_now().await;
    assert_eq!((version, &values["beds"], &values["low"]), (5, &json!(11), &json!(2)));

    h.is_quiet().await;
    let mails = h.all("/api/outbox").await;
    let told = |mail: &&Value| mail["subject"].as_str().unwrap().starts_with("Not active");
    let told: Vec<&Value> = mails.iter().filter(told).map(|mail| &mail["to"]).collect();
    assert_eq!(told, [&json!(h.manager().email)]);
    let audit = h.all(&format!("/api/audit?app={}", h.app)).await;
    let failures = audit.iter().filter(|event| event["action"] == "parameters.failed").count();
    assert_eq!(failures, 1);
}

async fn a_deployment_that_cannot_follow_passes_the_versions_that_were_given(h: &Harness) {
    let release = h.has_parameters().await;
    gets_ahead(h, 1, 7).await;
    let asked = h.manager().asks_to_deploy(&release, "dev").await;
    let failed = h.deployment_ends(asked).await;
    assert_eq!(failed["state"], "failed", "{failed}");
    assert!(failed["failure"]["reason"].as_str().unwrap().contains("version 7"), "{failed}");
    assert_eq!(h.deploys(&release, "dev").await["config_version"], 8);
    h.saves(&h.manager(), 8, json!({"beds": 12})).await.ok();
    assert_eq!(h.runs_now().await.0, 9);
}
