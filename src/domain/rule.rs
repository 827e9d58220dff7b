//! The rules' paragraphs, in one place. Whoever operates rmdd checks their wording against the eCFR.

/// Accept only from providers whose filing appears in the database and was not de-listed; the paragraph depends on the
/// role.
pub const ACCEPT_ONLY_LISTED: &str = "47 CFR 64.6305(g)";
/// Domestic voice service providers.
pub const VOICE_SERVICE: &str = "47 CFR 64.6305(g)(1)";
/// Foreign providers, for calls with US numbers in the caller ID.
pub const FOREIGN: &str = "47 CFR 64.6305(g)(2)";
/// Gateway providers.
pub const GATEWAY: &str = "47 CFR 64.6305(g)(3)";
/// Non-gateway intermediate providers.
pub const INTERMEDIATE: &str = "47 CFR 64.6305(g)(4)";
/// Never block a call to 911, nor knowingly one to a public safety answering point.
pub const EMERGENCY: &str = "47 CFR 64.6305(g)(5)";
/// Downstream providers may block after an unanswered notice of suspected illegal traffic.
pub const NOTICE: &str = "47 CFR 64.1200(k)(4)";
/// Downstream providers must block from 30 days after a Final Determination Order.
pub const FINAL_DETERMINATION: &str = "47 CFR 64.1200(n)(3)";
/// Recertify every year.
pub const RECERTIFY: &str = "47 CFR 64.6305(h)";
/// What an operator puts on record stands above the listing.
pub const OPERATOR: &str = "operator";
