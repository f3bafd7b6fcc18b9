//! The options before what an interpreter runs.

/// How the options of an interpreter are written.
pub(super) struct Options {
    /// Those whose value is the next word. `--option=value` is always one word.
    pub(super) with_value: &'static [&'static str],
    /// Those whose value is the program itself.
    pub(super) code: &'static [&'static str],
    /// Those whose value names a module.
    pub(super) module: &'static [&'static str],
}

/// What stands behind the options, with what follows it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Operand<'a> {
    /// A path.
    Script(&'a str, &'a [String]),
    /// A module.
    Module(&'a str, &'a [String]),
    /// The program stands on the line, or there is none.
    None,
}

impl Options {
    /// The first word that is no option, nor the value of one. Short options of one letter may stand together, the last
    /// with its value behind it (`-um shop`, `-mshop`).
    pub(super) fn first<'a>(&self, mut words: &'a [String]) -> Operand<'a> {
        while let Some((word, rest)) = words.split_first() {
            words = rest;
            if word == "--" {
                continue;
            }
            if !word.starts_with('-') || word == "-" {
                return if word == "-" || word.is_empty() { Operand::None } else { Operand::Script(word, rest) };
            }
            if word.starts_with("--") || self.is_known(word) {
                match self.whole(word, rest) {
                    Some(operand) => return operand,
                    None if self.with_value.contains(&word.as_str()) => words = rest.get(1..).unwrap_or_default(),
                    None => {}
                }
                continue;
            }
            match self.letters(word, rest) {
                Letters::Operand(operand) => return operand,
                Letters::TakesNext => words = rest.get(1..).unwrap_or_default(),
                Letters::Nothing => {}
            }
        }
        Operand::None
    }

    fn is_known(&self, word: &str) -> bool {
        [self.with_value, self.code, self.module].iter().any(|known| known.contains(&word))
    }

    fn whole<'a>(&self, word: &str, rest: &'a [String]) -> Option<Operand<'a>> {
        if self.code.contains(&word) {
            return Some(Operand::None);
        }
        let is_module = self.module.contains(&word);
        is_module.then(|| rest.split_first().map_or(Operand::None, |(module, rest)| Operand::Module(module, rest)))
    }

    fn letters<'a>(&self, word: &'a str, rest: &'a [String]) -> Letters<'a> {
        for (at, letter) in word.char_indices().skip(1) {
            let option = format!("-{letter}");
            let value = word.get(at + letter.len_utf8()..).unwrap_or_default();
            if self.code.contains(&option.as_str()) {
                return Letters::Operand(Operand::None);
            }
            if self.module.contains(&option.as_str()) {
                return Letters::Operand(match (value, rest.split_first()) {
                    ("", Some((module, rest))) => Operand::Module(module, rest),
                    ("", None) => Operand::None,
                    (module, _) => Operand::Module(module, rest),
                });
            }
            if self.with_value.contains(&option.as_str()) {
                return if value.is_empty() { Letters::TakesNext } else { Letters::Nothing };
            }
        }
        Letters::Nothing
    }
}

/// What short options that stand together come to.
enum Letters<'a> {
    Operand(Operand<'a>),
    TakesNext,
    Nothing,
}
