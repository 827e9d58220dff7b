//! Days, as the listing writes them.

/// The day on which a new world stands, counted from 1970-01-01.
pub const FIRST_DAY: u32 = 20_300;

/// The day on which a world stops however many steps it makes: a listing whose days have not come is held.
pub const LAST_DAY: u32 = FIRST_DAY + 365;

/// `YYYY-MM-DD` of a day counted from 1970-01-01.
pub fn written(day: u32) -> String {
    // A calendar whose years begin in March has its leap day last, and eras of 400 years all alike.
    let shifted = day + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u32::from(month <= 2);
    format!("{year}-{month:02}-{of_month:02}")
}

#[cfg(test)]
mod tests {
    use super::{FIRST_DAY, written};

    #[test]
    fn days_are_written_as_the_calendar_has_them() {
        assert_eq!(written(0), "1970-01-01");
        assert_eq!(written(11_016), "2000-02-29");
        assert_eq!(written(19_782), "2024-02-29");
        assert_eq!(written(19_783), "2024-03-01");
        assert_eq!(written(20_088), "2024-12-31");
        assert_eq!(written(FIRST_DAY), "2025-07-31");
    }
}
