//! What a source gets wrong: a good file made into one that a fault of the source would publish.
//!
//! Every fault is made from a seed, so that a file that slipped through can be made again.

use std::fmt;

use csv::{ReaderBuilder, WriterBuilder};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A file as its cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// The names of the columns.
    pub header: Vec<String>,
    /// The rows, each as long as the header.
    pub rows: Vec<Vec<String>>,
}

impl Sheet {
    /// Reads a good file; rows of another length than the header's are left out.
    pub fn read(bytes: &[u8]) -> Self {
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
        let mut rows = reader.records().flatten().map(|record| record.iter().map(str::to_owned).collect::<Vec<_>>());
        let header = rows.next().unwrap_or_default();
        let rows = rows.filter(|row| row.len() == header.len()).collect();
        Self { header, rows }
    }

    /// Writes it.
    pub fn to_csv(&self) -> Vec<u8> {
        let mut writer = WriterBuilder::new().from_writer(Vec::new());
        for row in std::iter::once(&self.header).chain(&self.rows) {
            // Into memory; and every row is as long as the header.
            let _ = writer.write_record(row);
        }
        writer.into_inner().unwrap_or_default()
    }

    /// Where a column stands.
    pub fn place(&self, column: &str) -> Option<usize> {
        self.header.iter().position(|name| name == column)
    }
}

/// What becomes of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellFault {
    /// It is empty.
    Blank,
    /// It holds what the column of the first row holds.
    Constant,
    /// It holds the cell of the row above.
    Shifted,
    /// It is swapped with the cell of the next column.
    SwappedWithNeighbour,
    /// It holds the cell of any other row.
    FromAnotherRow,
    /// It holds a text that the column never held.
    OtherText,
    /// It was Yes and is No.
    YesToNo,
    /// It was No and is Yes.
    NoToYes,
}

impl CellFault {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Blank,
        Self::Constant,
        Self::Shifted,
        Self::SwappedWithNeighbour,
        Self::FromAnotherRow,
        Self::OtherText,
        Self::YesToNo,
        Self::NoToYes,
    ];

    /// Whether a column can have it.
    fn fits(self, column: &str) -> bool {
        let answers = column.ends_with("_choice") || column == "foreign_voice_provider";
        answers || !matches!(self, Self::YesToNo | Self::NoToYes)
    }
}

/// Which rows, and whether they say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Any.
    Scattered,
    /// Any, and they bear the newest date of the file.
    Stamped,
    /// Neighbours.
    InARow,
    /// Of those alone that the file before has not.
    ThatCame,
}

/// Where in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// From the first row on.
    Beginning,
    /// Around the middle.
    Middle,
    /// Up to the last row.
    End,
    /// Behind the last row, with gaps.
    BehindTheEnd,
    /// Everywhere.
    Scattered,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Beginning, Self::Middle, Self::End, Self::BehindTheEnd, Self::Scattered];
}

/// One fault.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Cells of one column are wrong in so many percent of the rows.
    Cells {
        /// The column.
        column: String,
        /// What becomes of them.
        how: CellFault,
        /// In how many rows, in percent; of those that came, where it is among them.
        percent: f64,
        /// In which.
        rows: Rows,
    },
    /// So many neighbouring rows are missing.
    RunGone {
        /// How many.
        rows: usize,
        /// Where.
        at: Place,
    },
    /// The whole file stands twice in one, header and all.
    Doubled,
    /// The rows stand in reverse.
    Backwards,
    /// The rows stand in no order.
    Shuffled,
    /// The file of the week before stands before it, in one.
    BehindTheEarlier,
    /// The file of the week before stands behind it, in one.
    BeforeTheEarlier,
    /// The rows of both weeks take turns.
    Interleaved,
    /// There are filings that nobody made: copies of others under numbers and FRNs of their own.
    FalseFilings {
        /// How many, in percent of the rows.
        percent: f64,
        /// Where.
        at: Place,
        /// Whether they bear the newest date of the file and an entry of their own, or those of the copied row.
        plausible: bool,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cells { column, how, percent, rows } => write!(f, "{column} {how:?} in {percent} %, {rows:?}"),
            Self::RunGone { rows, at } => write!(f, "{rows} rows in a row gone, {at:?}"),
            Self::FalseFilings { percent, at, plausible } => {
                let kind = if *plausible { "plausible" } else { "copied" };
                write!(f, "{percent} % false filings, {kind}, {at:?}")
            }
            other => write!(f, "{other:?}"),
        }
    }
}

/// The shares of rows, in percent.
pub const SHARES: [f64; 6] = [0.1, 1.0, 5.0, 9.0, 28.0, 60.0];

/// The columns on which verdicts rest.
const DECISIVE: [&str; 6] = [
    "frn",
    "business_name",
    "foreign_voice_provider",
    "voice_service_provider_choice",
    "gateway_provider_choice",
    "intermediate_provider_choice",
];

/// Every fault for a file of these columns.
pub fn faults(columns: &[String]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for column in columns {
        for how in CellFault::ALL.into_iter().filter(|how| how.fits(column)) {
            let cells = |percent, rows| Fault::Cells { column: column.clone(), how, percent, rows };
            faults.extend(SHARES.map(|percent| cells(percent, Rows::Scattered)));
            if !DECISIVE.contains(&column.as_str()) {
                continue;
            }
            // Where a date or neighbours make a difference, and at a few more shares.
            for rows in [Rows::Stamped, Rows::InARow] {
                faults.extend([0.1, 0.3, 0.6, 1.0, 1.5, 2.0, 5.0, 28.0].map(|percent| cells(percent, rows)));
            }
            faults.extend([0.3, 0.6, 1.5, 2.0].map(|percent| cells(percent, Rows::Scattered)));
        }
    }
    for rows in [5, 9, 20, 50, 61, 99, 200, 500, 1_500, 2_000] {
        faults.extend(Place::ALL[..3].iter().map(|at| Fault::RunGone { rows, at: *at }));
    }
    faults.extend([
        Fault::Doubled,
        Fault::Backwards,
        Fault::Shuffled,
        Fault::BehindTheEarlier,
        Fault::BeforeTheEarlier,
        Fault::Interleaved,
    ]);
    for percent in [0.03, 0.1, 0.5, 1.0, 3.0, 9.0] {
        for at in Place::ALL {
            faults.push(Fault::FalseFilings { percent, at, plausible: false });
            if at != Place::Scattered {
                faults.push(Fault::FalseFilings { percent, at, plausible: true });
            }
        }
    }
    for column in DECISIVE {
        for how in CellFault::ALL.into_iter().filter(|how| how.fits(column)) {
            let cells = |percent| Fault::Cells { column: column.to_owned(), how, percent, rows: Rows::ThatCame };
            faults.extend([50.0, 100.0].map(cells));
        }
    }
    faults
}

impl Fault {
    /// The file that this fault makes of a good one. `earlier` is the file before it.
    pub fn apply(&self, good: &Sheet, earlier: &Sheet, seed: u64) -> Vec<u8> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut sheet = good.clone();
        match self {
            Self::Cells { column, how, percent, rows } => {
                if let Some(place) = good.place(column) {
                    let chosen = match rows {
                        Rows::ThatCame => came(good, earlier, *percent),
                        rows => chosen(good.rows.len(), *percent, *rows, &mut rng),
                    };
                    wrong_cells(&mut sheet, good, (place, *how), &chosen, &mut rng);
                    if *rows == Rows::Stamped {
                        stamp(&mut sheet, good, &chosen);
                    }
                }
            }
            Self::RunGone { rows, at } => {
                let left = sheet.rows.len().saturating_sub(*rows);
                let from = match at {
                    Place::Beginning => 0,
                    Place::End | Place::BehindTheEnd => left,
                    Place::Middle | Place::Scattered => rng.random_range(left / 4..=left * 3 / 4),
                };
                sheet.rows.drain(from..(from + rows).min(good.rows.len()));
            }
            Self::Doubled => return [good.to_csv(), good.to_csv()].concat(),
            Self::BehindTheEarlier => return [earlier.to_csv(), good.to_csv()].concat(),
            Self::BeforeTheEarlier => return [good.to_csv(), earlier.to_csv()].concat(),
            Self::Backwards => sheet.rows.reverse(),
            Self::Shuffled => sheet.rows.shuffle(&mut rng),
            Self::Interleaved => {
                let mut others = earlier.rows.iter().cloned();
                let mut both = Vec::with_capacity(sheet.rows.len() * 2);
                for row in sheet.rows {
                    both.push(row);
                    both.extend(others.next());
                }
                both.extend(others);
                sheet.rows = both;
            }
            Self::FalseFilings { percent, at, plausible } => {
                false_filings(&mut sheet, *percent, *at, *plausible, &mut rng);
            }
        }
        sheet.to_csv()
    }
}

fn share(rows: usize, percent: f64) -> usize {
    ((rows as f64 * percent / 100.0).round() as usize).max(1)
}

/// The rows that go wrong.
fn chosen(rows: usize, percent: f64, which: Rows, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let count = share(rows, percent);
    match which {
        Rows::Scattered | Rows::Stamped => rand::seq::index::sample(rng, rows, count).into_vec(),
        Rows::InARow | Rows::ThatCame => {
            let from = rng.random_range(0..=rows - count);
            (from..from + count).collect()
        }
    }
}

/// The last rows of those that the earlier file has not: so many percent of them.
fn came(good: &Sheet, earlier: &Sheet, percent: f64) -> Vec<usize> {
    let numbers = |sheet: &Sheet| {
        let place = sheet.place("number").unwrap_or_default();
        sheet.rows.iter().map(|row| row[place].clone()).collect::<Vec<_>>()
    };
    let stood: std::collections::HashSet<String> = numbers(earlier).into_iter().collect();
    let came = numbers(good).into_iter().enumerate().filter(|(_, number)| !stood.contains(number));
    let came: Vec<usize> = came.map(|(row, _)| row).collect();
    came[came.len() - share(came.len(), percent).min(came.len())..].to_vec()
}

/// Says of these rows, where they are wrong, that they were updated on the file's last day.
fn stamp(sheet: &mut Sheet, good: &Sheet, chosen: &[usize]) {
    let Some(updated) = good.place("last_updated") else { return };
    let newest = good.rows.iter().map(|row| row[updated].clone()).max().unwrap_or_default();
    for row in chosen {
        if sheet.rows[*row] != good.rows[*row] {
            sheet.rows[*row][updated].clone_from(&newest);
        }
    }
}

fn wrong_cells(
    sheet: &mut Sheet,
    good: &Sheet,
    (place, how): (usize, CellFault),
    chosen: &[usize],
    rng: &mut ChaCha8Rng,
) {
    let rows = good.rows.len();
    let next = if place + 1 < good.header.len() { place + 1 } else { place - 1 };
    let cell = |row: usize| good.rows[row % rows][place].clone();
    for row in chosen.iter().copied() {
        let text = match how {
            CellFault::Blank => String::new(),
            CellFault::Constant => cell(0),
            CellFault::Shifted => cell(row + rows - 1),
            CellFault::FromAnotherRow => cell(rng.random_range(0..rows)),
            CellFault::OtherText => "[object Object]".to_owned(),
            CellFault::YesToNo if cell(row) == "Yes" => "No".to_owned(),
            CellFault::NoToYes if cell(row) == "No" => "Yes".to_owned(),
            CellFault::YesToNo | CellFault::NoToYes => continue,
            CellFault::SwappedWithNeighbour => {
                sheet.rows[row].swap(place, next);
                continue;
            }
        };
        sheet.rows[row][place] = text;
    }
}

fn false_filings(sheet: &mut Sheet, percent: f64, at: Place, plausible: bool, rng: &mut ChaCha8Rng) {
    let named = ["number", "frn", "last_updated", "filing_url"].map(|column| sheet.place(column));
    let [Some(number), Some(frn), Some(updated), Some(url)] = named else { return };
    let value = |row: &Vec<String>| row[number].trim_start_matches("RMD").parse::<u32>().unwrap_or_default();
    let taken: std::collections::HashSet<u32> = sheet.rows.iter().map(value).collect();
    let (first, last) = (taken.iter().min().copied().unwrap_or(1), taken.iter().max().copied().unwrap_or(1));
    let newest = sheet.rows.iter().map(|row| row[updated].clone()).max().unwrap_or_default();
    let count = share(sheet.rows.len(), percent);
    let middle = first + (last - first) / 2;
    let mut free: Vec<u32> = match at {
        Place::Beginning => (1..).filter(|value| !taken.contains(value)).take(count).collect(),
        Place::Middle => (middle..).filter(|value| !taken.contains(value)).take(count).collect(),
        Place::End => (last + 1..).take(count).collect(),
        Place::BehindTheEnd => (last + 1..).step_by(5).take(count).collect(),
        Place::Scattered => (first..last).filter(|value| !taken.contains(value)).collect(),
    };
    free.shuffle(rng);
    for value in free.into_iter().take(count) {
        let mut row = sheet.rows[rng.random_range(0..sheet.rows.len())].clone();
        row[number] = format!("RMD{value:07}");
        row[frn] = format!("{:010}", 9_000_000_000_u64 + u64::from(value));
        if plausible {
            row[updated].clone_from(&newest);
            row[url] =
                format!("https://fccprod.servicenowservices.com/rmd?id=rmd_form&sys_id={:032x}", rng.random::<u128>());
        }
        sheet.rows.push(row);
    }
    sheet.rows.sort_by_key(value);
}

/// A good file that has lost so many percent of its rows at each of so many syncs, scattered.
pub fn losing(good: &Sheet, percent: f64, syncs: usize, seed: u64) -> Sheet {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..good.rows.len()).collect();
    order.shuffle(&mut rng);
    let lost = share(good.rows.len(), percent) * syncs;
    let mut gone = vec![false; good.rows.len()];
    order.into_iter().take(lost).for_each(|row| gone[row] = true);
    let kept = good.rows.iter().zip(gone).filter(|(_, gone)| !gone).map(|(row, _)| row.clone());
    Sheet { header: good.header.clone(), rows: kept.collect() }
}
