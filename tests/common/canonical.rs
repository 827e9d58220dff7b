//! The form of an export, made from a published file by other means than rmdd's.

use std::collections::BTreeSet;

/// The columns that stand in every export.
const COLUMNS: &str = "number frn business_name business_address foreign_voice_provider country other_frns \
    other_dba_names previous_dba_names robocall_mitigation_contact_name contact_title contact_department \
    contact_business_address contact_country contact_telephone_number contact_phone_extension implementation \
    voice_service_provider_choice gateway_provider_choice intermediate_provider_choice last_updated filing_url \
    last_recertified intermediate_provider ipr_imported";

/// A published file in the form of an export.
pub fn export_of(published: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(published);
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header = reader.headers().expect("a header").clone();
    let mut rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    let place = |name: &str| header.iter().position(|column| column.trim() == name);
    let number = place("number").expect("numbers");
    rows.sort_by(|left, right| left[number].cmp(&right[number]));
    let others: BTreeSet<&str> = header
        .iter()
        .enumerate()
        .filter(|(place, name)| {
            !COLUMNS.split(' ').any(|known| known == name.trim()) && rows.iter().any(|row| !row[*place].is_empty())
        })
        .map(|(_, name)| name.trim())
        .collect();
    let columns: Vec<&str> = COLUMNS.split(' ').chain(others).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&columns).expect("written");
    for row in &rows {
        let cells = columns.iter().map(|name| place(name).map_or("", |place| &row[place]));
        writer.write_record(cells).expect("written");
    }
    writer.into_inner().expect("written")
}

/// The SHA-256 digest of some bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;

    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
