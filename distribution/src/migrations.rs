//! The versioned set-up of both databases: files under `migrations/`, applied in order, each once.

use crate::error::DistributionError;
use sha2::{Digest, Sha256};

/// One step of the set-up.
#[derive(Debug)]
pub(crate) struct Migration {
    /// Counts from 1 without gaps.
    pub(crate) number: i32,
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

pub(crate) const POSTGRES: &[Migration] = &[
    Migration { number: 1, name: "tables", sql: include_str!("../migrations/postgres/0001_tables.sql") },
    Migration {
        number: 2,
        name: "invariants",
        sql: include_str!("../migrations/postgres/0002_invariants.sql"),
    },
    Migration {
        number: 3,
        name: "worker boundaries",
        sql: include_str!("../migrations/postgres/0003_worker_boundaries.sql"),
    },
    Migration { number: 4, name: "runs", sql: include_str!("../migrations/postgres/0004_runs.sql") },
    Migration {
        number: 5,
        name: "worker applications",
        sql: include_str!("../migrations/postgres/0005_worker_applications.sql"),
    },
    Migration {
        number: 6,
        name: "history by time",
        sql: include_str!("../migrations/postgres/0006_history_by_time.sql"),
    },
    Migration { number: 7, name: "readers", sql: include_str!("../migrations/postgres/0007_readers.sql") },
    Migration {
        number: 8,
        name: "history by parameter",
        sql: include_str!("../migrations/postgres/0008_history_by_parameter.sql"),
    },
];

pub(crate) const SQLITE: &[Migration] = &[
    Migration { number: 1, name: "tables", sql: include_str!("../migrations/sqlite/0001_tables.sql") },
    Migration {
        number: 2,
        name: "invariants",
        sql: include_str!("../migrations/sqlite/0002_invariants.sql"),
    },
    Migration {
        number: 3,
        name: "worker boundaries",
        sql: include_str!("../migrations/sqlite/0003_worker_boundaries.sql"),
    },
    Migration { number: 4, name: "runs", sql: include_str!("../migrations/sqlite/0004_runs.sql") },
    Migration {
        number: 5,
        name: "worker applications",
        sql: include_str!("../migrations/sqlite/0005_worker_applications.sql"),
    },
    Migration {
        number: 6,
        name: "history by time",
        sql: include_str!("../migrations/sqlite/0006_history_by_time.sql"),
    },
    Migration {
        number: 7,
        name: "history by parameter",
        sql: include_str!("../migrations/sqlite/0007_history_by_parameter.sql"),
    },
];

impl Migration {
    /// SHA-256 of the text in hex: an applied migration is never edited.
    pub(crate) fn checksum(&self) -> String {
        hex::encode(Sha256::digest(self.sql))
    }
}

/// Names the migrations that a database still needs, given the number and checksum of those it has.
pub(crate) fn outstanding<'a>(
    all: &'a [Migration],
    applied: &[(i32, String)],
) -> Result<&'a [Migration], DistributionError> {
    for (number, checksum) in applied {
        let known = usize::try_from(number - 1).ok().and_then(|at| all.get(at));
        match known {
            Some(migration) if migration.checksum() == *checksum => {}
            Some(migration) => {
                return Err(DistributionError::Schema {
                    reason: format!(
                        "migration {number} ({}) is not the one that was applied",
                        migration.name
                    ),
                });
            }
            None => {
                return Err(DistributionError::Schema {
                    reason: format!(
                        "it has migration {number}, the newest known here is {}: start a newer version",
                        all.len()
                    ),
                });
            }
        }
    }
    Ok(&all[applied.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_from_one() {
        for all in [POSTGRES, SQLITE] {
            let numbers: Vec<i32> = all.iter().map(|m| m.number).collect();
            assert_eq!(numbers, (1..=all.len() as i32).collect::<Vec<_>>());
        }
    }

    #[test]
    fn another_history_is_refused() {
        let first = (1, POSTGRES[0].checksum());
        assert_eq!(outstanding(POSTGRES, std::slice::from_ref(&first)).unwrap().len(), POSTGRES.len() - 1);
        for bad in [vec![(1, "other".to_owned())], vec![first, (99, String::new())]] {
            assert!(matches!(outstanding(POSTGRES, &bad), Err(DistributionError::Schema { .. })));
        }
    }
}
