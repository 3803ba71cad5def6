//! What was made of a deleted conversation goes with it.

use crate::dataset::{self, DatasetError};
use crate::gate::Known;
use std::path::Path;

/// Removes the rows that were made of a conversation or a completion from all training sets of a data folder, and what the
/// gate remembers of questions and answers, which may be its own. Gives the number of rows.
pub fn forget(home: &Path, id: &str) -> Result<u64, DatasetError> {
    Known::clear(home).map_err(DatasetError::io("delete", home))?;
    dataset::forget(&dataset::folder(home), id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Answer, Wish};
    use std::convert::Infallible;

    #[test]
    fn answers_that_the_gate_remembers_are_gone() {
        let home = tempfile::tempdir().unwrap();
        let mut known = Known::open(home.path(), "base", None);
        let wish = Wish { prompt: vec![1], most: 2, seed: None };
        let measure = |_: &[Wish]| -> Result<Vec<Answer>, Infallible> { Ok(vec![Answer::default()]) };
        known.answers(&[wish], measure).unwrap();
        known.write();
        let left = || std::fs::read_dir(home.path().join("learn")).unwrap().count();
        assert_eq!(left(), 1);
        assert_eq!(forget(home.path(), "chat").unwrap(), 0);
        assert_eq!(left(), 0, "the folder of what was measured is gone");
        assert_eq!(forget(home.path(), "chat").unwrap(), 0, "and nothing to forget is no error");
    }
}
