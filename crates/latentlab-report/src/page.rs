//! An HTML page in one file, which asks for nothing from elsewhere and forbids its reader to.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use crate::palette;

const STYLE: &str = include_str!("page/style.css");

/// A page with a title and contents that are markup already. `script` makes more of the contents
/// where scripts run; they must be readable without.
pub(crate) fn page(title: &str, body: &str, script: Option<&str>) -> String {
    let style = format!("\n{STYLE}{}", palette::style());
    let (allowed, script) = match script {
        Some(script) => (hash(script), format!("<script>{script}</script>\n")),
        None => ("'none'".to_owned(), String::new()),
    };
    let policy = format!(
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; \
         style-src {}; script-src {allowed}",
        hash(&style)
    );
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>{title}</title>\n<style>{style}</style>\n</head>\n\
         <body>\n<main>\n{body}</main>\n{script}</body>\n</html>\n"
    )
}

/// A section below a title; nothing without contents.
pub(crate) fn section(title: &str, contents: &str) -> String {
    match contents.is_empty() {
        true => String::new(),
        false => format!("<section>\n<h2>{title}</h2>\n{contents}</section>\n"),
    }
}

/// Contents that show when asked for, under a title that is markup already.
pub(crate) fn fold(title: &str, contents: &str) -> String {
    format!("<details>\n<summary>{title}</summary>\n{contents}</details>\n")
}

/// An image with its caption; both texts are markup already.
pub(crate) fn figure(alternative: &str, caption: &str, png: &[u8]) -> String {
    format!(
        "<figure><img alt=\"{alternative}\" src=\"data:image/png;base64,{}\">\
         <figcaption>{caption}</figcaption></figure>\n",
        STANDARD.encode(png)
    )
}

/// What a policy knows an inlined style or script by.
fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_the_script_of_the_page_and_no_other() {
        let with = page("a", "<p>b</p>\n", Some("alert(1)"));
        // printf 'alert(1)' | openssl dgst -sha256 -binary | base64
        let sum = "bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI=";
        assert!(
            with.contains(&format!("script-src 'sha256-{sum}'")),
            "{with}"
        );
        assert!(page("a", "", None).contains("script-src 'none'"));
    }
}
