//! The pages about claims: one for each, and one with a line for each.

use std::{fs, path::Path};

use latentlab_run::{Error, Result};

use crate::{CLAIMS, Claim, Criterion, Finding, Illustration, Table, Verdict};

const INDEX: &str = "claims.md";
const FOLDER: &str = "claims";

/// Writes the page of `claim` with its pictures below `docs`, and its line into `claims.md` there;
/// the lines of other claims stay as they are.
///
/// # Errors
/// If a file cannot be written.
pub fn page(claim: &Claim, finding: &Finding, quick: bool, docs: &Path) -> Result<()> {
    let folder = docs.join(FOLDER);
    fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    let mut pictures = Vec::new();
    for (index, illustration) in finding.illustrations.iter().enumerate() {
        let stem = format!("{}-{}", claim.name, index + 1);
        let (file, caption, bytes) = match illustration {
            Illustration::Chart(chart) => (
                format!("{stem}.svg"),
                &chart.title,
                chart.to_svg().into_bytes(),
            ),
            Illustration::Image { caption, picture } => {
                (format!("{stem}.png"), caption, picture.to_png())
            }
        };
        write(&folder.join(&file), &bytes)?;
        pictures.push(match illustration {
            // A chart has its title in it.
            Illustration::Chart(_) => format!("![{caption}]({file})\n"),
            Illustration::Image { .. } => format!("![{caption}]({file})\n\n*{caption}*\n"),
        });
    }
    let text = section(claim, finding, quick, &pictures);
    write(&folder.join(format!("{}.md", claim.name)), text.as_bytes())?;
    let index = docs.join(INDEX);
    let before = fs::read_to_string(&index).unwrap_or_default();
    write(&index, overview(&before, claim, finding, quick).as_bytes())
}

fn section(claim: &Claim, finding: &Finding, quick: bool, pictures: &[String]) -> String {
    let mut text = format!(
        "# {}\n\n**{}**{}\n\n{} The figures are explained in \
         [figures.md](../figures.md).\n\n{}",
        claim.statement,
        finding.sentence(),
        if quick { QUICK } else { "" },
        claim.method,
        table(&Table {
            caption: "What was asked before the first run, and what came:".to_owned(),
            head: ["figure", "asked", "came", "met"]
                .map(str::to_owned)
                .to_vec(),
            rows: finding.criteria.iter().map(criterion).collect(),
        })
    );
    let tables = finding.tables.iter().map(table);
    let remarks = finding.remarks.iter().map(|remark| format!("{remark}\n"));
    for part in pictures.iter().cloned().chain(tables).chain(remarks) {
        text.push('\n');
        text.push_str(&part);
    }
    text
}

const QUICK: &str = " (quick: a fraction of the training, so the figures are worse than they could \
                     be)";

fn criterion(criterion: &Criterion) -> Vec<String> {
    let met = match (&criterion.obstacle, criterion.is_met()) {
        (Some(obstacle), _) => format!("not judged: {obstacle}"),
        (None, true) => "yes".to_owned(),
        (None, false) => "no".to_owned(),
    };
    vec![
        criterion.what.clone(),
        criterion.bound.to_string(),
        criterion.came(),
        met,
    ]
}

fn table(table: &Table) -> String {
    let mut text = format!("{}\n\n", table.caption);
    let rule = table.head.iter().map(|_| "---".to_owned()).collect();
    for row in [&table.head, &rule].into_iter().chain(&table.rows) {
        let cells: Vec<_> = row.iter().map(|text| cell(text)).collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

/// Text within a row of a table, where a bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The page with a line for each claim: `before` with the line of `claim` written anew.
fn overview(before: &str, claim: &Claim, finding: &Finding, quick: bool) -> String {
    let (mut lines, mut verdicts) = (String::new(), Vec::new());
    for other in &CLAIMS {
        let start = format!("| [{}]({FOLDER}/{}.md) | ", other.statement, other.name);
        let line = match other.name == claim.name {
            true => {
                let figures: Vec<_> = finding.criteria.iter().map(Criterion::to_string).collect();
                let figures = cell(&figures.join("; "));
                Some(format!("{start}{} | {figures} |", finding.verdict()))
            }
            false => {
                let known = before.lines().find(|line| line.starts_with(&start));
                known.map(str::to_owned)
            }
        };
        if let Some(line) = line {
            let told = line[start.len()..].split(" | ").next();
            let verdict = Verdict::ALL
                .into_iter()
                .find(|one| told == Some(&one.to_string()));
            verdicts.extend(verdict);
            lines.push_str(&line);
            lines.push('\n');
        }
    }
    format!(
        "# What is said of AE, VAE and GAN, measured\n\n\
         Each line is an experiment that `cargo xtask claims` runs; its thresholds were set before \
         the first run. A claim holds if all of its figures are as asked, and under conditions if \
         some are; its page says which, and shows it. A figure that compares GANs of which one has \
         not learned the digits is not judged (since the first runs, in which GANs that had \
         collapsed were found to be alike), and a claim none of whose figures is judged is not judged \
         either. [figures.md](figures.md) says what a Fréchet distance and the other figures \
         are.{}\n\n\
         {}.\n\n\
         | claim | verdict | figures |\n| --- | --- | --- |\n{lines}",
        if quick { QUICK } else { "" },
        Verdict::tally(&verdicts)
    )
}

fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(file, bytes).map_err(Error::file(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Chart;

    fn finding(value: f64) -> Finding {
        let mut finding = Finding::default();
        finding.at_least("accuracy", value, 0.97);
        finding.chart(Chart::new("a chart", "step"));
        finding
    }

    #[test]
    fn a_page_is_written_with_its_pictures_and_the_other_lines_stay() {
        let docs = tempfile::tempdir().unwrap();
        page(&CLAIMS[1], &finding(0.98), false, docs.path()).unwrap();
        page(&CLAIMS[0], &finding(0.5), false, docs.path()).unwrap();
        let index = fs::read_to_string(docs.path().join("claims.md")).unwrap();
        let rows: Vec<_> = index
            .lines()
            .filter(|line| line.contains("](claims/"))
            .collect();
        assert_eq!(rows.len(), 2);
        assert!(
            rows[0].contains("does not hold") && rows[0].contains("0.5000 (>= 0.9700, missed)")
        );
        assert!(rows[1].contains(" | holds | accuracy: 0.9800 (>= 0.9700) |"));
        assert!(
            index.contains("\n\nholds: 1, does not hold: 1.\n\n"),
            "{index}"
        );
        let name = CLAIMS[1].name;
        let page = fs::read_to_string(docs.path().join(format!("claims/{name}.md"))).unwrap();
        assert!(
            page.contains(&format!("![a chart]({name}-1.svg)")),
            "{page}"
        );
        assert!(docs.path().join(format!("claims/{name}-1.svg")).is_file());
    }

    #[test]
    fn what_was_not_judged_is_counted_and_explained() {
        let docs = tempfile::tempdir().unwrap();
        page(&CLAIMS[0], &finding(0.98), false, docs.path()).unwrap();
        let mut unjudged = Finding::default();
        let obstacle = Some("1 of 4 GANs have not learned the digits".to_owned());
        unjudged.ask("distance", 1.1, crate::Bound::AtMost(1.25), obstacle);
        page(&CLAIMS[1], &unjudged, false, docs.path()).unwrap();
        let index = fs::read_to_string(docs.path().join("claims.md")).unwrap();
        assert!(index.contains("holds: 1, not judged: 1."), "{index}");
        let text = docs.path().join(format!("claims/{}.md", CLAIMS[1].name));
        let text = fs::read_to_string(text).unwrap();
        assert!(
            text.contains("**not judged (1 of 1 figures not judged)**")
                && text.contains("| not judged: 1 of 4 GANs have not learned the digits |"),
            "{text}"
        );
        assert!(text.contains("](../figures.md)"), "{text}");
    }

    #[test]
    fn a_bar_does_not_end_a_cell() {
        let docs = tempfile::tempdir().unwrap();
        let mut finding = Finding::default();
        finding.at_most("|D - p|", 0.5, 1.0);
        page(&CLAIMS[0], &finding, false, docs.path()).unwrap();
        let index = fs::read_to_string(docs.path().join("claims.md")).unwrap();
        assert!(index.contains("\\|D - p\\|: 0.5000"), "{index}");
    }

    #[test]
    fn a_quick_page_says_so() {
        let docs = tempfile::tempdir().unwrap();
        page(&CLAIMS[0], &finding(0.98), true, docs.path()).unwrap();
        for file in [
            "claims.md".to_owned(),
            format!("claims/{}.md", CLAIMS[0].name),
        ] {
            let text = fs::read_to_string(docs.path().join(file)).unwrap();
            assert!(text.contains("(quick: "), "{text}");
        }
    }
}
