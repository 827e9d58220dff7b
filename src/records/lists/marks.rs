//! A column for each role: the cells of a row -> the roles that are marked.

use std::collections::BTreeMap;

use super::writings::{self, Mark};
use crate::domain::ProviderRole;

/// What a row says in columns that each ask for one role.
#[derive(Debug, Default)]
pub struct Marks(BTreeMap<ProviderRole, Mark>);

impl Marks {
    /// Takes in what the column of this role says.
    ///
    /// # Errors
    ///
    /// If it says neither Yes nor No, or otherwise than another column of the same role. Says what to do.
    pub fn add(&mut self, role: ProviderRole, cell: &str) -> Result<(), String> {
        let Some(mark) = writings::mark(cell) else {
            return Err(writings::spreadsheet_error(cell)
                .unwrap_or_else(|| format!("{cell:?} is neither Yes nor No: write one of them, or leave it blank")));
        };
        match self.0.get(&role) {
            Some(Mark::Yes | Mark::No) if mark == Mark::Blank => {}
            Some(before @ (Mark::Yes | Mark::No)) if *before != mark => {
                return Err(format!("it says {cell:?}, and another column of the same role says otherwise"));
            }
            _ => _ = self.0.insert(role, mark),
        }
        Ok(())
    }

    /// The roles that are marked, or the one that a column of roles says; none if neither says any.
    ///
    /// # Errors
    ///
    /// If all are marked as not, or otherwise than the column of roles has it. Says what to do.
    pub fn roles(&self, said: Option<ProviderRole>) -> Result<Vec<ProviderRole>, String> {
        let all = |is: Mark| self.0.iter().filter(move |(_, mark)| **mark == is).map(|(role, _)| *role);
        if all(Mark::No).count() == ProviderRole::ALL.len() {
            return Err(
                "it says No in every role: say in which the calls are handed over, or leave all blank".to_owned()
            );
        }
        let marked: Vec<ProviderRole> = all(Mark::Yes).collect();
        match said {
            None => Ok(marked),
            Some(role) if all(Mark::No).any(|no| no == role) || !(marked.is_empty() || marked == [role]) => {
                Err(format!("it is marked otherwise than the column of roles has it, {role}: say which it is"))
            }
            Some(role) => Ok(vec![role]),
        }
    }
}
