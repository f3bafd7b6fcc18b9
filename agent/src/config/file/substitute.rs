//! `${env:NAME}` and `${env:NAME:-default}` in values; `$$` stands for a dollar sign.
//!
//! Works on single values after the file was taken apart, so that no variable can add a key. Source of the form:
//! OpenTelemetry specification, "Configuration Data Model: Environment variable substitution".

/// A value with its variables put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Substituted {
    pub(super) text: String,
    /// Whether a variable had a part in it. What it holds may be a secret, and is not shown.
    pub(super) from_variable: bool,
}

/// Puts variables in. An empty variable counts as unset, as for the OpenTelemetry variables.
///
/// # Errors
/// What is wrong and what to do, neither with a variable's value.
pub(super) fn substitute(
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Substituted, (String, String)> {
    let mut done = Substituted { text: String::with_capacity(text.len()), from_variable: false };
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        done.text.push_str(before);
        rest = if let Some(after) = after.strip_prefix('$') {
            done.text.push('$');
            after
        } else if let Some(after) = after.strip_prefix('{') {
            let (inside, after) = after.split_once('}').ok_or_else(|| {
                ("${ is not closed".to_owned(), "write ${env:NAME}, or $$ for a dollar sign".to_owned())
            })?;
            done.text.push_str(&replacement(inside, variable)?);
            done.from_variable = true;
            after
        } else {
            done.text.push('$');
            after
        };
    }
    done.text.push_str(rest);
    Ok(done)
}

fn replacement(inside: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, (String, String)> {
    let named = inside.strip_prefix("env:");
    let (name, default) = match named.unwrap_or(inside).split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (named.unwrap_or(inside), None),
    };
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if named.is_none() && is_name {
        return Err((format!("${{{inside}}} does not say where {name} is from"), format!("write ${{env:{inside}}}")));
    }
    if !is_name {
        return Err((
            format!("{:?} names no variable", format!("${{{inside}}}")),
            "write ${env:NAME}, or $$ for a dollar sign".to_owned(),
        ));
    }
    variable(name).filter(|value| !value.is_empty()).or_else(|| default.map(str::to_owned)).ok_or_else(|| {
        (format!("the variable {name} is not set"), format!("set it, or give a default: ${{env:{name}:-default}}"))
    })
}

#[cfg(test)]
mod tests {
    use super::substitute;

    #[test]
    fn variables_are_put_in() {
        let variable = |name: &str| match name {
            "KEY" => Some("s3cret".to_owned()),
            "NESTED" => Some("${env:KEY}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (text, expected, reason) in [
            ("plain", Ok(("plain", false)), "nothing to do"),
            ("${env:KEY}", Ok(("s3cret", true)), "a variable alone"),
            ("Bearer ${env:KEY}!", Ok(("Bearer s3cret!", true)), "within a text"),
            ("${env:NONE:-8080}", Ok(("8080", true)), "a default"),
            ("${env:EMPTY:-8080}", Ok(("8080", true)), "empty counts as unset"),
            ("${env:NONE:-}", Ok(("", true)), "an empty default"),
            ("${env:KEY:-x}", Ok(("s3cret", true)), "a default that is not needed"),
            ("${env:NESTED}", Ok(("${env:KEY}", true)), "what a variable holds is not looked into"),
            ("$$ and $${env:KEY}", Ok(("$ and ${env:KEY}", false)), "dollar signs"),
            ("a$b$", Ok(("a$b$", false)), "a dollar sign that begins nothing"),
            ("${env:NONE}", Err("the variable NONE is not set"), "a variable that is not there"),
            ("${env:EMPTY}", Err("the variable EMPTY is not set"), "nor is an empty one"),
            ("${KEY}", Err("${KEY} does not say where KEY is from"), "another program's form"),
            ("${env:}", Err("\"${env:}\" names no variable"), "no name"),
            ("${env:a b}", Err("\"${env:a b}\" names no variable"), "no name either"),
            ("${file:/etc/key}", Err("\"${file:/etc/key}\" names no variable"), "another provider"),
            ("${env:KEY", Err("${ is not closed"), "not closed"),
        ] {
            let done = substitute(text, &variable);
            let got = done.as_ref().map(|done| (done.text.as_str(), done.from_variable));
            assert_eq!(got.map_err(|(problem, _)| problem.as_str()), expected, "{reason}");
        }
    }
}
