//! Leases: a key that stands under one goes with its holder.

use std::time::Duration;

use super::etcd::lease_client::LeaseClient;
use super::{Engine, EngineError, etcd};

/// By what etcd knows a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseId(pub i64);

/// A lease that was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// By what it is known.
    pub id: LeaseId,
    /// How long it lives if nobody keeps it alive.
    pub lasts: Duration,
}

impl Engine {
    /// Has a lease for so long.
    ///
    /// # Errors
    ///
    /// If no member grants one. One that was granted without a word goes by itself.
    pub async fn lease(&self, lasts: Duration) -> Result<Lease, EngineError> {
        let ttl = i64::try_from(lasts.as_secs()).unwrap_or(i64::MAX).max(1);
        let granted = self.asked(true, self.patience, |channel| async move {
            let request = etcd::LeaseGrantRequest { ttl, id: 0 };
            LeaseClient::new(channel).lease_grant(request).await.map(tonic::Response::into_inner)
        });
        let etcd::LeaseGrantResponse { id, ttl, .. } = granted.await?;
        Ok(Lease { id: LeaseId(id), lasts: Duration::from_secs(u64::try_from(ttl).unwrap_or_default()) })
    }

    /// Keeps a lease alive, once.
    ///
    /// # Errors
    ///
    /// If it is gone, or no member answers.
    pub async fn keep_alive(&self, LeaseId(id): LeaseId) -> Result<(), EngineError> {
        let kept = self.asked(true, self.patience, |channel| async move {
            let request = tokio_stream::iter([etcd::LeaseKeepAliveRequest { id }]);
            let answers = LeaseClient::new(channel).lease_keep_alive(request).await?;
            answers.into_inner().message().await
        });
        match kept.await? {
            Some(answer) if answer.ttl > 0 => Ok(()),
            _ => Err(EngineError::LeaseGone),
        }
    }

    /// Gives a lease up, and the keys that stand under it.
    ///
    /// # Errors
    ///
    /// If no member answers. It goes by itself then.
    pub async fn revoke(&self, LeaseId(id): LeaseId) -> Result<(), EngineError> {
        let revoked = self.asked(true, self.patience, |channel| async move {
            LeaseClient::new(channel).lease_revoke(etcd::LeaseRevokeRequest { id }).await
        });
        match revoked.await {
            Ok(_) | Err(EngineError::LeaseGone) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
