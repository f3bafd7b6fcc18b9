//! Formats, and where each goes.

use std::path::PathBuf;

use crate::cli::failure::Failure;
use crate::cli::terminal;

/// Formats that are planned, and may be asked for already.
const NOT_YET: [&str; 3] = ["html", "markdown", "junit"];

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Format {
    Table,
    Json,
}

/// A format and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Output {
    pub(in crate::cli) format: Format,
    /// `None` is standard output.
    pub(in crate::cli) path: Option<PathBuf>,
}

impl Output {
    /// Reads `FORMAT` or `FORMAT=PATH`.
    ///
    /// # Errors
    /// A sentence.
    pub(in crate::cli) fn parse(text: &str) -> Result<Self, String> {
        let (format, path) = match text.split_once('=') {
            Some((_, "")) => return Err("no file is named after the =".to_owned()),
            Some((format, path)) => (format, Some(PathBuf::from(path))),
            None => (text, None),
        };
        let format = match format {
            "table" => Format::Table,
            "json" => Format::Json,
            later if NOT_YET.contains(&later) => return Err(format!("{later} is not built yet; use table or json")),
            _ => return Err("the formats are table and json".to_owned()),
        };
        Ok(Self { format, path })
    }
}

/// The outputs asked for, or the table. Standard output takes one of them.
pub(in crate::cli) fn checked(asked: &[Output]) -> Result<Vec<Output>, Failure> {
    if asked.iter().filter(|output| output.path.is_none()).count() > 1 {
        let problem = "two formats cannot share standard output; give one of them a file, as in -o json=report.json";
        return Err(Failure::Usage(format!("-o: {problem}")));
    }
    if asked.is_empty() {
        return Ok(vec![Output { format: Format::Table, path: None }]);
    }
    Ok(asked.to_vec())
}

/// Writes a result to all of them, files first: who reads standard output may look at them at once. `render` makes one
/// format, and is told whether it goes to a file.
pub(in crate::cli) fn write_all(
    outputs: &[Output],
    render: impl Fn(Format, bool) -> anyhow::Result<String>,
) -> Result<(), Failure> {
    let (files, printed): (Vec<&Output>, Vec<&Output>) = outputs.iter().partition(|output| output.path.is_some());
    for output in files.into_iter().chain(printed) {
        let text = render(output.format, output.path.is_some())?;
        match &output.path {
            None => terminal::print(&text).map_err(Failure::output)?,
            Some(path) => terminal::write_file(path, &text).map_err(|error| {
                Failure::Usage(format!("-o {}: cannot write the result: {error}; check the folder", path.display()))
            })?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_a_format_and_perhaps_a_file() {
        let rows = [
            ("table", Some((Format::Table, None)), "to standard output"),
            ("json=report.json", Some((Format::Json, Some("report.json"))), "to a file"),
            ("json=a=b", Some((Format::Json, Some("a=b"))), "names may have an ="),
            ("json=", None, "no file"),
            ("html", None, "not built yet"),
            ("sarif", None, "no format"),
            ("", None, "nothing"),
        ];
        for (text, expected, reason) in rows {
            let expected = expected.map(|(format, path)| Output { format, path: path.map(PathBuf::from) });
            assert_eq!(Output::parse(text).ok(), expected, "{reason}");
        }
        assert!(Output::parse("junit=x").is_err_and(|error| error.contains("not built yet")));
    }

    #[test]
    fn standard_output_takes_one_format() {
        let outputs = |texts: &[&str]| texts.iter().filter_map(|text| Output::parse(text).ok()).collect::<Vec<_>>();
        assert!(checked(&outputs(&["table", "json"])).is_err());
        assert!(checked(&outputs(&["table", "json=x", "json=y"])).is_ok());
        assert!(checked(&[]).is_ok_and(|outputs| outputs.len() == 1), "the table by itself");
    }
}
