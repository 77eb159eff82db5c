//! Papers from their files to the page: read, trained for a few steps, judged, written down.

use std::{fs, path::Path, sync::atomic::AtomicBool};

use latentlab_core::{Registry, merge};
use latentlab_train::Record;
use toml::Table;

use super::{comparison::Outcome, *};
use latentlab_run::Status;

const FILE: &str = r#"
    title = "A small autoencoder"
    source = "nobody"
    protocol = "a test"
    differs = "nothing"
    hours = 0.1
    [[run]]
    name = "one"
    seeds = [0, 1]
    [[run]]
    name = "two"
    seeds = [0]
    set.model.config.latent = 2
    [[expect]]
    run = "one"
    figure = "test/squared_error"
    step = 2
    value = 0.0
    direction = "at_least"
    [[expect]]
    run = "two"
    figure = "test/squared_error"
    value = -1.0
    not_judged = "a test"
    [[order]]
    figure = "test/squared_error"
    runs = ["one", "two"]
    rise = 1000.0
    published = [1.0, 2.0]
    [experiment]
    steps = 3
    batch_size = 8
    evaluate.every = 1
    data = { name = "ring", train = 64, test = 16 }
    model = { name = "ae", config = { hidden = [4], latent = 1 } }
"#;

fn registry() -> Registry {
    Registry::default().with(latentlab_models::plugin).unwrap()
}

fn paper(name: &str) -> Paper {
    Paper::parse(name, FILE).unwrap()
}

/// Results with these values of a figure, one for each seed of each run.
fn results(figure: &str, runs: &[(&str, &[f64])]) -> Results {
    let ended = |(seed, value): (u32, &f64)| {
        let mut record = Record::new(2, 1.0);
        record.insert(figure, *value);
        Ended {
            seed,
            records: vec![record],
            seconds: 60.0,
        }
    };
    let runs = runs.iter();
    let runs =
        runs.map(|(run, values)| ((*run).to_owned(), (0..).zip(*values).map(ended).collect()));
    Results {
        ended: runs.collect(),
        missing: Vec::new(),
    }
}

fn train(paper: &Paper, folder: &Path, interrupted: bool) -> Status {
    let interrupted = AtomicBool::new(interrupted);
    let trained = paper.train(folder, &[], &registry(), &interrupted, |_| {});
    trained.unwrap()
}

/// A few steps instead of many, everything else once or twice.
fn smoke() -> Table {
    toml::toml! {
        steps = 4
        batch_size = 8
        samples.every = 0
        evaluate.every = 2
        evaluate.images = 64
        evaluate.importance_samples = 2
        checkpoint.every = 2
    }
}

#[test]
fn every_run_of_every_paper_trains_and_has_the_figures_that_are_asked_of_it() {
    for mut paper in all().unwrap() {
        for run in &mut paper.runs {
            merge(&mut run.set, &smoke());
            run.seeds.truncate(1);
        }
        for anchor in &mut paper.anchors {
            let step = &mut anchor.expectation.step;
            *step = step.map(|_| 2);
        }
        let folder = tempfile::tempdir().unwrap();
        let name = &paper.name;
        assert_eq!(
            train(&paper, folder.path(), false),
            Status::Finished,
            "{name}"
        );
        let results = Results::read(&paper, folder.path(), &registry()).unwrap();
        assert!(results.missing.is_empty(), "{name}");
        let comparisons = results.compare(&paper);
        assert_eq!(comparisons.len(), paper.anchors.len() + paper.orders.len());
        for comparison in comparisons {
            assert_ne!(comparison.outcome, Outcome::Absent, "{name}: {comparison}");
        }
    }
}

#[test]
fn steps_that_are_asked_of_a_curve_are_evaluated() {
    for paper in all().unwrap() {
        for anchor in &paper.anchors {
            let run = paper.run(&anchor.run).unwrap();
            let experiment = paper.experiment(run, 0, &registry()).unwrap();
            let Some(step) = anchor.expectation.step else {
                continue;
            };
            let every = experiment.evaluate.every;
            let is_evaluated = step == experiment.steps || every > 0 && step % every == 0;
            assert!(
                is_evaluated && step <= experiment.steps,
                "{} {step}",
                paper.name
            );
        }
    }
}

#[test]
fn figures_are_met_missed_absent_or_shown() {
    let paper = paper("small");
    let figure = "test/squared_error";
    let outcomes = |results: Results| -> Vec<Outcome> {
        let comparisons = results.compare(&paper).into_iter();
        comparisons.map(|comparison| comparison.outcome).collect()
    };
    let shown = Outcome::NotJudged("a test".to_owned());
    let rises = results(figure, &[("one", &[1.0, 1.1]), ("two", &[1102.0])]);
    assert_eq!(outcomes(rises), [Outcome::Met, shown.clone(), Outcome::Met]);
    // 2 ± 12.7 and 1002: other seeds might be below 0, and rise by more than 1000 or by less.
    let hardly = results(figure, &[("one", &[1.0, 3.0]), ("two", &[1002.0])]);
    let hardly = outcomes(hardly);
    assert_eq!([&hardly[0], &hardly[2]], [&Outcome::Undecided; 2]);
    let falls = results(figure, &[("one", &[-1.0, -1.1]), ("two", &[3.0])]);
    assert_eq!(outcomes(falls), [Outcome::Missed, shown, Outcome::Missed]);
    let other = results("test/elbo", &[("one", &[1.0, 3.0]), ("two", &[3.0])]);
    assert_eq!(outcomes(other), [const { Outcome::Absent }; 3]);
    let one = results(figure, &[("one", &[1.0, 1.1])]);
    assert_eq!(
        outcomes(one),
        [Outcome::Met],
        "the others have runs that are missing"
    );
}

#[test]
fn several_seeds_are_a_mean_with_its_interval() {
    let results = results("test/squared_error", &[("one", &[1.0, 3.0])]);
    // Student's quantile for one degree of freedom, 12.706205, times √2 / √2.
    let comparison = &results.compare(&paper("small"))[0];
    assert_eq!(comparison.ours, "2 ± 12.706");
    assert_eq!(comparison.seconds, 120.0);
    assert_eq!(
        comparison.to_string(),
        "one: test/squared_error at step 2: published at least 0, ours 2 ± 12.706 (+2), undecided"
    );
}

#[test]
fn what_was_interrupted_goes_on_and_what_has_ended_stays() {
    let folder = tempfile::tempdir().unwrap();
    let paper = paper("small");
    let read = || Results::read(&paper, folder.path(), &registry()).unwrap();
    assert_eq!(read().missing.len(), 3);
    assert_eq!(train(&paper, folder.path(), true), Status::Interrupted);
    assert_eq!(read().missing.len(), 3);
    assert_eq!(train(&paper, folder.path(), false), Status::Finished);
    let before = read();
    assert!(before.missing.is_empty());
    train(&paper, folder.path(), false);
    let seconds = |results: &Results| results.ended["one"][0].seconds;
    assert_eq!(seconds(&read()), seconds(&before), "it was trained again");
}

#[test]
fn the_page_keeps_the_rows_and_sections_of_other_papers() {
    let docs = tempfile::tempdir().unwrap();
    let papers = [paper("first"), paper("first-2"), paper("last")];
    let write = |index: usize, value: f64| {
        let results = results("test/squared_error", &[("one", &[value, value])]);
        let comparisons = results.compare(&papers[index]);
        write_page(&papers[index], &results, &comparisons, &papers, docs.path()).unwrap();
        fs::read_to_string(docs.path().join("papers.md")).unwrap()
    };
    write(2, 7.5);
    write(0, 5.5);
    let page = write(1, 6.5);
    let rows = page.lines().filter(|line| line.starts_with("| ["));
    let names: Vec<_> = rows.map(|row| row.split("](").next().unwrap()).collect();
    assert_eq!(names, ["| [first", "| [first-2", "| [last"]);
    let headings: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("## "))
        .collect();
    assert_eq!(headings, ["## first", "## first-2", "## last"]);
    for value in ["5.5", "6.5", "7.5"] {
        let figure = format!("| one | 1 | test/squared_error at step 2: {value}");
        assert_eq!(page.matches(&figure).count(), 1, "{page}");
    }
    assert_eq!(write(1, 6.5), page, "writing again changes nothing");
}

#[test]
fn a_wrong_name_is_met_with_the_nearest() {
    let error = chosen(&["packin".to_owned()]).unwrap_err();
    assert!(
        error.to_string().contains("did you mean `packing`?"),
        "{error}"
    );
    for (right, wrong, word) in [
        ("run = \"two\"", "run = \"tow\"", "did you mean `two`?"),
        ("value = -1.0", "vlaue = -1.0", "value"),
        ("not_judged", "nt_judged", "nt_judged"),
        (
            "published = [1.0, 2.0]",
            "published = [1.0]",
            "as many published",
        ),
        ("seeds = [0, 1]", "seeds = []", "needs `seeds`"),
        ("seeds = [0, 1]", "seeds = [1, 1]", "each of them once"),
        ("hours = 0.1", "hours = 0.0", "above 0"),
        ("name = \"two\"", "name = \"one\"", "two runs `one`"),
    ] {
        let message = Paper::parse("small", &FILE.replace(right, wrong)).unwrap_err();
        assert!(message.to_string().contains(word), "{wrong}: {message}");
    }
    let unnamed = FILE.split("[experiment]").next().unwrap();
    let file = format!("experiment = \"vae-mnits\"\n{unnamed}");
    let paper = Paper::parse("small", &file).unwrap();
    let error = paper
        .experiment(&paper.runs[0], 0, &registry())
        .unwrap_err();
    assert!(
        error.to_string().contains("did you mean `vae-mnist`?"),
        "{error}"
    );
}

#[test]
fn the_shortest_paper_comes_first() {
    let hours: Vec<f64> = all().unwrap().iter().map(|paper| paper.hours).collect();
    assert!(
        hours.is_sorted() && hours.len() == PAPERS.len(),
        "{hours:?}"
    );
}
