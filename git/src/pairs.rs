//! The files that differ between two trees, with their contents.

use crate::objects::ObjectName;
use crate::{PathChange, Repository, Result};
use conman_domain::{BlobId, TreeId};

impl Repository {
    /// Looks at every file that differs, one after the other in the order of paths: how it changed, its content before and
    /// its content after. Gives what the visitor has become.
    pub async fn visit_changes<V: Send + 'static>(
        &self,
        from: TreeId,
        to: TreeId,
        visitor: V,
        visit: impl Fn(&mut V, &PathChange, Option<&[u8]>, Option<&[u8]>) + Send + 'static,
    ) -> Result<V> {
        self.run(move |handle| {
            let mut visitor = visitor;
            let objects = handle.objects()?;
            let read = |blob: Option<BlobId>| blob.map(|blob| objects.blob(blob.oid())).transpose();
            for change in handle.changes(from.oid(), to.oid())? {
                let (old, new) = (read(change.old_blob)?, read(change.new_blob)?);
                visit(&mut visitor, &change, old.as_deref(), new.as_deref());
            }
            Ok(visitor)
        })
        .await
    }
}
