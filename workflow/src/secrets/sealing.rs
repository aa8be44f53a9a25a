//! Setting and removing secrets, within an edit of their profile.

use super::key::{Belongs, DataKey};
use crate::actor::Member;
use crate::change::Change;
use crate::error::{Error, Result};
use crate::services::Workflow;
use conman_domain::audit::AuditActor;
use conman_domain::name::ParameterName;
use conman_domain::profile::RuntimeProfile;
use conman_domain::secret::{ProfileKey, SealedSecret, SecretText, SecretVersion};
use std::collections::BTreeMap;

/// Which secrets are set, and which are removed.
pub type SecretEdits = BTreeMap<ParameterName, Option<SecretText>>;

impl Workflow {
    /// Adds sealed secrets to a change, and their versions to the profile as it is to be.
    pub(crate) async fn seal_secrets(
        &self,
        change: &mut Change,
        member: &Member,
        profile: &mut RuntimeProfile,
        edits: &SecretEdits,
    ) -> Result<()> {
        if edits.values().all(Option::is_none) {
            for name in edits.keys() {
                profile.secrets.remove(name);
            }
            return Ok(());
        }
        let key = match self.data_key(profile).await? {
            Some(key) => key,
            None => self.fresh_key(change, profile)?,
        };
        let (version, set_at) = (profile.revision, change.at());
        for (name, text) in edits {
            let Some(text) = text else {
                profile.secrets.remove(name);
                continue;
            };
            let belongs = Belongs { app: profile.app_id, profile: profile.id, name, version };
            change.insert(&SealedSecret {
                profile_id: profile.id,
                app_id: profile.app_id,
                name: name.clone(),
                version,
                sealed: key.seal(text.expose(), belongs),
            });
            let set_by: AuditActor = member.actor.audited();
            let set = SecretVersion { version, masked: text.masked(), set_by, set_at };
            profile.secrets.insert(name.clone(), set);
        }
        Ok(())
    }

    /// A profile's data key; none before its first secret.
    pub(super) async fn data_key(&self, profile: &RuntimeProfile) -> Result<Option<DataKey>> {
        let Some(key) = self.store().get::<ProfileKey>(&profile.id.to_string()).await? else {
            return Ok(None);
        };
        let opened = self.master_key()?.unwrap(&key.wrapped, profile.app_id, profile.id);
        let opened = opened.map_err(|error| {
            Error::errored(
                "the server's master key is another than the one that wrapped this profile's key",
                error,
            )
        })?;
        Ok(Some(opened))
    }

    fn fresh_key(&self, change: &mut Change, profile: &RuntimeProfile) -> Result<DataKey> {
        let (key, wrapped) = self.master_key()?.wrap_fresh(profile.app_id, profile.id);
        let created_at = change.at();
        change.insert(&ProfileKey { profile_id: profile.id, app_id: profile.app_id, wrapped, created_at });
        Ok(key)
    }

    fn master_key(&self) -> Result<&super::MasterKey> {
        self.settings().master_key.as_ref().ok_or_else(|| {
            let message = "the server has no master key, so that it keeps no secrets; its operator sets CONMAN_MASTER_KEY";
            Error::conflict("no_master_key", message)
        })
    }
}
