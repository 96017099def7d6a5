//! Tables of numbers that are kept beside the tests: a change of behaviour is a change of a file.

use std::fmt::Write as _;
use std::path::Path;

/// Rows with a name and numbers.
#[derive(Debug)]
pub struct Table {
    heads: String,
    columns: Vec<String>,
    rows: Vec<(String, Vec<u64>)>,
}

impl Table {
    /// A table whose names have the parts `heads` (with `|` between them), and whose numbers have the
    /// names `columns` (with commas between them).
    pub fn new(heads: &str, columns: &str) -> Self {
        Self {
            heads: heads.to_owned(),
            columns: columns.split(", ").map(str::to_owned).collect(),
            rows: Vec::new(),
        }
    }

    pub fn row(&mut self, name: String, numbers: Vec<u64>) {
        self.rows.push((name, numbers));
    }

    fn to_markdown(&self) -> String {
        let mut text = format!("| {} | {} |\n", self.heads, self.columns.join(" | "));
        let columns = self.heads.split('|').count() + self.columns.len();
        text.push_str(&"| --- ".repeat(columns));
        text.push_str("|\n");
        for (name, numbers) in &self.rows {
            let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
            writeln!(text, "| {name} | {} |", numbers.join(" | ")).unwrap();
        }
        text
    }
}

/// Compares a table with the one in `tests/snapshots`, each number within its column's tolerance, as a
/// part of the number. With `UPDATE_SNAPSHOTS` set in the environment, the file is written instead.
pub fn check(name: &str, table: &Table, tolerances: &[f64]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/snapshots")
        .join(format!("{name}.md"));
    let text = table.to_markdown();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        expected.lines().count(),
        text.lines().count(),
        "rows of {name}:\n{text}"
    );
    for (expected, found) in expected.lines().zip(text.lines()) {
        assert!(
            is_near(expected, found, tolerances),
            "{name}:\nexpected {expected}\nfound    {found}"
        );
    }
}

fn is_near(expected: &str, found: &str, tolerances: &[f64]) -> bool {
    let cells = |line: &str| {
        line.split('|')
            .map(|cell| cell.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let (expected, found) = (cells(expected), cells(found));
    let numbers_at = expected.len().saturating_sub(tolerances.len() + 1);
    expected.len() == found.len()
        && expected
            .iter()
            .zip(&found)
            .enumerate()
            .all(|(at, (expected, found))| {
                let tolerance = at.checked_sub(numbers_at).and_then(|at| tolerances.get(at));
                match (expected.parse::<f64>(), found.parse::<f64>(), tolerance) {
                    (Ok(expected), Ok(found), Some(tolerance)) => {
                        (expected - found).abs() <= tolerance * expected
                    }
                    _ => expected == found,
                }
            })
}
