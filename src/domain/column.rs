//! The columns of the FCC's listing, by the names in its header.

/// A column that rmdd knows. The discriminant is the column's place in a stored filing, so it is never reused and new
/// ones are added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "each is the header's own word")]
pub enum Column {
    Number,
    Frn,
    BusinessName,
    BusinessAddress,
    ForeignVoiceProvider,
    Country,
    OtherFrns,
    OtherDbaNames,
    PreviousDbaNames,
    RobocallMitigationContactName,
    ContactTitle,
    ContactDepartment,
    ContactBusinessAddress,
    ContactCountry,
    ContactTelephoneNumber,
    ContactPhoneExtension,
    Implementation,
    VoiceServiceProviderChoice,
    GatewayProviderChoice,
    IntermediateProviderChoice,
    LastUpdated,
    FilingUrl,
    LastRecertified,
    IntermediateProvider,
    IprImported,
}

impl Column {
    /// How many columns are known.
    pub const COUNT: usize = 25;

    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Number,
        Self::Frn,
        Self::BusinessName,
        Self::BusinessAddress,
        Self::ForeignVoiceProvider,
        Self::Country,
        Self::OtherFrns,
        Self::OtherDbaNames,
        Self::PreviousDbaNames,
        Self::RobocallMitigationContactName,
        Self::ContactTitle,
        Self::ContactDepartment,
        Self::ContactBusinessAddress,
        Self::ContactCountry,
        Self::ContactTelephoneNumber,
        Self::ContactPhoneExtension,
        Self::Implementation,
        Self::VoiceServiceProviderChoice,
        Self::GatewayProviderChoice,
        Self::IntermediateProviderChoice,
        Self::LastUpdated,
        Self::FilingUrl,
        Self::LastRecertified,
        Self::IntermediateProvider,
        Self::IprImported,
    ];

    /// The one that the listing's header calls so.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }

    /// The name in the listing's header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Frn => "frn",
            Self::BusinessName => "business_name",
            Self::BusinessAddress => "business_address",
            Self::ForeignVoiceProvider => "foreign_voice_provider",
            Self::Country => "country",
            Self::OtherFrns => "other_frns",
            Self::OtherDbaNames => "other_dba_names",
            Self::PreviousDbaNames => "previous_dba_names",
            Self::RobocallMitigationContactName => "robocall_mitigation_contact_name",
            Self::ContactTitle => "contact_title",
            Self::ContactDepartment => "contact_department",
            Self::ContactBusinessAddress => "contact_business_address",
            Self::ContactCountry => "contact_country",
            Self::ContactTelephoneNumber => "contact_telephone_number",
            Self::ContactPhoneExtension => "contact_phone_extension",
            Self::Implementation => "implementation",
            Self::VoiceServiceProviderChoice => "voice_service_provider_choice",
            Self::GatewayProviderChoice => "gateway_provider_choice",
            Self::IntermediateProviderChoice => "intermediate_provider_choice",
            Self::LastUpdated => "last_updated",
            Self::FilingUrl => "filing_url",
            Self::LastRecertified => "last_recertified",
            Self::IntermediateProvider => "intermediate_provider",
            Self::IprImported => "ipr_imported",
        }
    }

    /// The name in a few words, for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::BusinessAddress => "address",
            Self::ForeignVoiceProvider => "foreign",
            Self::OtherFrns => "other FRNs",
            Self::OtherDbaNames => "doing business as",
            Self::PreviousDbaNames => "former names",
            Self::RobocallMitigationContactName => "contact",
            Self::ContactTitle => "contact title",
            Self::ContactDepartment => "department",
            Self::ContactBusinessAddress => "contact address",
            Self::ContactCountry => "contact country",
            Self::ContactTelephoneNumber => "telephone",
            Self::ContactPhoneExtension => "extension",
            Self::LastUpdated => "last updated",
            Self::LastRecertified => "recertified",
            Self::FilingUrl => "filing",
            other => other.name(),
        }
    }

    /// The column of this header name; case and blanks around it do not matter.
    pub fn by_name(name: &str) -> Option<Self> {
        let name = name.trim();
        Self::ALL.into_iter().find(|column| column.name().eq_ignore_ascii_case(name))
    }

    /// Whether a decision rests on it: a listing without such a column is refused.
    pub fn is_essential(self) -> bool {
        matches!(
            self,
            Self::Number
                | Self::Frn
                | Self::BusinessName
                | Self::ForeignVoiceProvider
                | Self::Implementation
                | Self::VoiceServiceProviderChoice
                | Self::GatewayProviderChoice
                | Self::IntermediateProviderChoice
        )
    }

    /// Whether every listing has had it so far. `last_recertified` came in January 2026; the last two are gone since
    /// the early exports.
    pub fn is_permanent(self) -> bool {
        !matches!(self, Self::LastRecertified | Self::IntermediateProvider | Self::IprImported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_found_by_its_name_and_stands_at_its_discriminant() {
        for (place, column) in Column::ALL.into_iter().enumerate() {
            assert_eq!(column as usize, place);
            assert_eq!(Column::by_name(&format!(" {} ", column.name().to_uppercase())), Some(column));
        }
        assert_eq!(Column::by_name("status"), None);
    }
}
