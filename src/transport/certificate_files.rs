//! How the files of a certificate stand: what of them is in force, and whether what they hold now can be used. Alike for those of
//! a listener and for those that a client shows.

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::tls::TlsError;

/// What is known of files that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The digest of what they hold.
    pub digest: [u8; 32],
    /// Since when it is good.
    pub valid_from: Timestamp,
    /// Until when it is good: the earliest end in the chain.
    pub expires_at: Timestamp,
}

impl CertificateFacts {
    /// Of a chain, in files of this digest.
    ///
    /// # Errors
    ///
    /// If a certificate of it cannot be read.
    pub fn of(chain: &[CertificateDer<'_>], digest: [u8; 32]) -> Result<Self, String> {
        let (mut valid_from, mut expires_at) = (Timestamp::MIN, Timestamp::MAX);
        for der in chain {
            let (_, read) =
                X509Certificate::from_der(der).map_err(|error| format!("it holds a broken certificate: {error}"))?;
            let time = |at: x509_parser::time::ASN1Time| Timestamp::from_second(at.timestamp());
            valid_from = valid_from.max(time(read.validity().not_before).unwrap_or(Timestamp::MIN));
            expires_at = expires_at.min(time(read.validity().not_after).unwrap_or(Timestamp::MAX));
        }
        Ok(Self { digest, valid_from, expires_at })
    }

    /// How a certificate of these stands that is in force, and whose files are good.
    pub fn state(&self, name: &'static str) -> CertificateState {
        CertificateState { name, valid_from: self.valid_from, expires_at: self.expires_at, unusable: None }
    }
}

/// How a certificate stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateState {
    /// The settings' table, such as `grpc.tls`.
    pub name: &'static str,
    /// Since when it is good.
    pub valid_from: Timestamp,
    /// Until when it is good: the earliest end in its chain.
    pub expires_at: Timestamp,
    /// Why the files as they are now cannot be used, if they cannot.
    pub unusable: Option<String>,
}

/// The files of a certificate that is in force.
#[derive(Debug)]
pub struct CertificateFiles {
    name: &'static str,
    in_force: ArcSwap<CertificateFacts>,
    /// What is wrong with the files as they are now.
    unusable: ArcSwapOption<String>,
}

impl CertificateFiles {
    /// The files of the settings' table `name`, of which this is in force.
    pub fn new(name: &'static str, facts: CertificateFacts) -> Self {
        Self { name, in_force: ArcSwap::from_pointee(facts), unusable: ArcSwapOption::empty() }
    }

    /// How the certificate stands.
    pub fn state(&self) -> CertificateState {
        let unusable = self.unusable.load().as_deref().cloned();
        CertificateState { unusable, ..self.in_force.load().state(self.name) }
    }

    /// Something else is in force. Says whether it is.
    pub(crate) fn put_in_force(&self, facts: CertificateFacts) -> bool {
        let (name, from, until) = (self.name, facts.valid_from, facts.expires_at);
        let before = self.in_force.swap(Arc::new(facts));
        self.unusable.store(None);
        let changed = before.digest != facts.digest;
        if changed {
            tracing::info!(name, %from, %until, "{name}: another certificate is in force, good until {until}");
        }
        changed
    }

    /// Looks at the files, which `load` reads, and has what is new put in force. `before` is what was wrong with them when they
    /// were last looked at; a pair of files is not replaced in one instant, so only what is wrong twice is.
    pub(crate) fn look<T>(
        &self,
        before: Option<String>,
        load: impl FnOnce() -> Result<Option<(CertificateFacts, T)>, TlsError>,
        put: impl FnOnce(CertificateFacts, T),
    ) -> Option<String> {
        match load() {
            Ok(None) => None,
            Ok(Some((facts, _))) if facts.digest == self.in_force.load().digest => {
                self.unusable.store(None);
                None
            }
            Ok(Some((facts, next))) => {
                put(facts, next);
                None
            }
            Err(error) => {
                let wrong = error.to_string();
                let known = self.unusable.load().as_deref() == Some(&wrong);
                if before.as_ref() == Some(&wrong) && !known {
                    tracing::error!(error = wrong, "the certificate in force stays: {wrong}");
                    self.unusable.store(Some(Arc::new(wrong.clone())));
                }
                Some(wrong)
            }
        }
    }
}
