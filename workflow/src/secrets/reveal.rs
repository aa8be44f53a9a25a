//! Revealing a secret: to app admins, one at a time, on record.

use super::key::Belongs;
use crate::actor::Member;
use crate::change::Change;
use crate::error::{Error, Rejection, Result};
use crate::services::Workflow;
use conman_domain::id::ProfileId;
use conman_domain::name::ParameterName;
use conman_domain::policy::AppAction;
use conman_domain::secret::{SealedSecret, SecretText};
use conman_store::collections::sealed_secret_id;
use serde_json::json;

/// A secret as it is.
#[derive(Debug)]
pub struct Revealed {
    /// What it says.
    pub text: SecretText,
    /// The profile's revision in which it got this value.
    pub version: u32,
}

impl Workflow {
    /// Reveals the present value of a secret. It is on record before anybody sees it.
    pub async fn reveal_secret(
        &self,
        member: &Member,
        id: ProfileId,
        name: &ParameterName,
    ) -> Result<Revealed> {
        let profile = self.profile(member, id).await?.doc;
        let Some(version) = profile.secrets.get(name).map(|secret| secret.version) else {
            return Err(Rejection::NotFound("secret").into());
        };
        member.may(AppAction::RevealSecrets)?;
        let sealed = self.store().get::<SealedSecret>(&sealed_secret_id(id, name, version)).await?;
        let (Some(key), Some(sealed)) = (self.data_key(&profile).await?, sealed) else {
            return Err(Error::errored("a secret cannot be read", "its key or its value is gone"));
        };
        let belongs = Belongs { app: profile.app_id, profile: id, name, version };
        let text = key
            .open(&sealed.sealed, belongs)
            .map_err(|error| Error::errored("a secret cannot be read", error))?;
        let text =
            SecretText::parse(text).map_err(|error| Error::errored("a secret cannot be read", error))?;
        let mut change = Change::by(&member.actor, Some(profile.app_id), self.now().await?);
        let told = json!({"secret": name, "version": version});
        change.audit("runtime_profile", id, "runtime_profile.secret_revealed", json!(null), told);
        self.commit(change).await?;
        Ok(Revealed { text, version })
    }
}
