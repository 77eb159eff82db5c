//! The code of a Rust file, without what only looks like code: comments, literals and tests.

/// The lines of a Rust file, counted from 1, with comments and literals replaced by spaces.
pub fn lines(text: &str) -> Vec<(usize, String)> {
    let code = without_comments_and_literals(text);
    code.lines()
        .map(str::to_owned)
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .collect()
}

/// As [`lines`], up to the test module at the end of the file.
pub fn lines_before_tests(text: &str) -> Vec<(usize, String)> {
    let mut lines = lines(text);
    let tests = lines.windows(2).position(|pair| {
        pair[0].1.trim() == "#[cfg(test)]" && pair[1].1.trim_start().starts_with("mod ")
    });
    lines.truncate(tests.unwrap_or(lines.len()));
    lines
}

/// Where `word` stands in `code`, not as the end of a longer name.
pub fn contains_word(code: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let starts_a_name = |at: usize| !code[..at].ends_with(is_name) || !word.starts_with(is_name);
    code.match_indices(word).any(|(at, _)| starts_a_name(at))
}

fn without_comments_and_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let hidden = comment_or_literal(rest);
        if hidden == 0 {
            code.push(next);
            rest = &rest[next.len_utf8()..];
        } else {
            code.extend(
                rest[..hidden]
                    .chars()
                    .map(|c| if c == '\n' { '\n' } else { ' ' }),
            );
            rest = &rest[hidden..];
        }
    }
    code
}

/// The length in bytes of the comment or literal at the start of `text`, 0 if there is none.
fn comment_or_literal(text: &str) -> usize {
    let raw_hashes = text
        .strip_prefix('r')
        .map(|rest| rest.len() - rest.trim_start_matches('#').len());
    if text.starts_with("//") {
        text.find('\n').unwrap_or(text.len())
    } else if text.starts_with("/*") {
        block_comment(text)
    } else if let Some(rest) = text.strip_prefix('"') {
        1 + up_to_quote(rest, '"')
    } else if let Some(hashes) = raw_hashes.filter(|hashes| text[1 + hashes..].starts_with('"')) {
        let end = format!("\"{}", "#".repeat(hashes));
        let start = hashes + 2;
        text[start..]
            .find(&end)
            .map_or(text.len(), |length| start + length + end.len())
    } else if let Some(rest) = text.strip_prefix('\'') {
        // A quote that is not closed after one character begins a lifetime, which stays.
        let mut chars = rest.chars();
        match (chars.next(), chars.next()) {
            (Some('\\'), _) | (_, Some('\'')) => 1 + up_to_quote(rest, '\''),
            _ => 0,
        }
    } else {
        0
    }
}

/// The length up to and with the first `quote` that no backslash precedes.
fn up_to_quote(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if c == quote && !escaped {
            return at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

/// The length of the block comment at the start of `text`; such comments nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += next.len_utf8();
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        let code = without_comments_and_literals(text);
        code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_are_no_code() {
        assert_eq!(
            code("a(); // b()\nc(); /* d() /* e() */ f() */ g();"),
            "a(); c(); g();"
        );
    }

    #[test]
    fn literals_are_no_code() {
        assert_eq!(code(r#"a("b // \" c", '"', '\'', 'd');"#), "a( , , , );");
        assert_eq!(code("a(r#\"b \" c\"#, r\"d\\\", e);"), "a( , , e);");
    }

    #[test]
    fn lifetimes_and_raw_names_are_code() {
        assert_eq!(
            code("fn a<'b>(r#type: &'b str, c: char) -> &'b str"),
            "fn a<'b>(r#type: &'b str, c: char) -> &'b str"
        );
    }

    #[test]
    fn line_numbers_survive() {
        let lines = lines("\"a\n\nb\";\n/*\n*/ c();");
        assert_eq!(lines.last(), Some(&(5, "   c();".to_owned())));
    }

    #[test]
    fn tests_are_cut_off_but_a_test_only_item_is_not() {
        let text = "#[cfg(test)]\nfn a() {}\nfn b() {}\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(lines_before_tests(text).len(), 3);
    }

    #[test]
    fn a_word_is_not_found_inside_a_longer_one() {
        assert!(contains_word("let x = fs::read(path);", "fs::"));
        assert!(contains_word("std::fs::read(path)", "fs::"));
        assert!(!contains_word("offs::read(path)", "fs::"));
    }
}
