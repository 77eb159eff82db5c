//! Tests of the file of records.

use proptest::prelude::*;

use super::*;
use crate::observers::scene::{Scene, record};

fn open(path: &Path, step: u64) -> MetricsFile {
    MetricsFile::open(path, step, 40, Some("elbo")).unwrap()
}

fn write(path: &Path, new: impl IntoIterator<Item = u64>) {
    let written = if path.exists() {
        steps(path)
    } else {
        Vec::new()
    };
    let mut file = open(path, written.last().copied().unwrap_or(0));
    let scene = Scene::new();
    for step in new {
        let mut record = Record::new(step, step as f64 / 3.0);
        record.insert("generator/loss", (step as f64).sqrt());
        scene.observe(&mut file, step, &mut record).unwrap();
    }
}

fn steps(path: &Path) -> Vec<u64> {
    read_metrics(path)
        .unwrap()
        .iter()
        .map(|record| record.step)
        .collect()
}

#[test]
fn a_line_begins_with_step_and_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.jsonl");
    write(&path, [4]);
    let line = "{\"step\":4,\"elapsed_s\":1.3333333333333333,\"generator/loss\":2.0}\n";
    assert_eq!(fs::read_to_string(path).unwrap(), line);
}

#[test]
fn a_step_without_numbers_leaves_no_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.jsonl");
    let mut file = open(&path, 0);
    Scene::new()
        .observe(&mut file, 1, &mut Record::new(1, 0.0))
        .unwrap();
    assert_eq!(steps(&path), [0u64; 0]);
}

#[test]
fn the_records_of_every_step_that_may_leave_a_checkpoint_are_synced() {
    let directory = tempfile::tempdir().unwrap();
    let file = open(&directory.path().join("metrics.jsonl"), 0);
    let scene = Scene::new();
    for (step, metric, synced) in [
        (39, "loss", false),
        (39, "elbo", true),
        (40, "loss", true),
        (100, "loss", true), // the last
    ] {
        let mut seen = None;
        let mut spy = Spy {
            file: &file,
            seen: &mut seen,
        };
        let mut record = record(step, &[(metric, 1.0)]);
        scene.observe(&mut spy, step, &mut record).unwrap();
        assert_eq!(seen, Some(synced), "step {step}, {metric}");
    }
}

struct Spy<'a> {
    file: &'a MetricsFile,
    seen: &'a mut Option<bool>,
}

impl Observer for Spy<'_> {
    fn observe(&mut self, view: &View<'_>, record: &mut Record) -> Result<Option<StopReason>> {
        *self.seen = Some(self.file.is_relied_on(view, record));
        Ok(None)
    }
}

#[test]
fn opening_removes_the_lines_after_the_step() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.jsonl");
    write(&path, 1..=9);
    drop(open(&path, 5));
    assert_eq!(steps(&path), [1, 2, 3, 4, 5]);
    drop(open(&path, 0));
    assert_eq!(steps(&path), [0u64; 0]);
}

#[test]
fn a_file_that_is_gone_after_steps_is_an_error_with_a_way_out_that_works() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.jsonl");
    let message = MetricsFile::open(&path, 40, 40, None)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("metrics.jsonl: is gone, though 40 steps are taken; put it back"),
        "{message}"
    );
    assert!(!path.exists());
    fs::write(&path, "").unwrap();
    MetricsFile::open(&path, 40, 40, None).unwrap();
}

#[test]
fn a_line_that_is_cut_off_is_damage_up_to_the_checkpoint_and_a_kill_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.jsonl");
    for torn in [
        "{\"step\":3,\"elapsed_s\":1.0,\"gener",
        "{\"step\":3,\"elapsed_s\":1.0}",
        "{\"step\":3,\"elapsed_s\":\n",
    ] {
        write(&path, 1..=2);
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str(torn);
        fs::write(&path, &text).unwrap();
        for step in [3, 4] {
            let error = MetricsFile::open(&path, step, 40, None).unwrap_err();
            let message = error.to_string();
            let expected = format!("line 3: is cut off, though step {step} was saved after it;");
            assert!(message.contains(&expected), "{message}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        drop(open(&path, 2));
        assert_eq!(steps(&path), [1, 2]);
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_broken_line_in_the_middle_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.jsonl");
    fs::write(
        &path,
        "{\"step\":1,\"elapsed_s\":1.0}\nhello\n{\"step\":3}\n",
    )
    .unwrap();
    let message = read_metrics(&path).unwrap_err().to_string();
    assert!(message.contains("metrics.jsonl, line 2: "), "{message}");
    assert!(message.ends_with(MEND), "{message}");
}

#[test]
fn numbers_that_are_not_finite_come_back_and_the_null_of_earlier_versions_is_nan() {
    let mut record = Record::new(1, 0.0);
    for (name, value) in [
        ("high", f64::INFINITY),
        ("low", f64::NEG_INFINITY),
        ("none", f64::NAN),
    ] {
        record.insert(name, value);
    }
    let line = to_json(&record).to_string();
    assert_eq!(
        line,
        "{\"step\":1,\"elapsed_s\":0.0,\"high\":\"inf\",\"low\":\"-inf\",\"none\":\"nan\"}"
    );
    let back = from_json(line.as_bytes()).unwrap();
    assert_eq!(back.get("high"), Some(f64::INFINITY));
    assert_eq!(back.get("low"), Some(f64::NEG_INFINITY));
    assert!(back.get("none").unwrap().is_nan());
    let old = from_json(b"{\"step\":1,\"elapsed_s\":0.0,\"loss\":null}").unwrap();
    assert!(old.get("loss").unwrap().is_nan());
    let other = from_json(b"{\"step\":1,\"loss\":\"lots\"}");
    assert_eq!(other.unwrap_err(), "`loss` is not a number");
}

proptest! {
    #![proptest_config(latentlab_testing::cases(256))]

    #[test]
    fn every_number_comes_back_bit_by_bit(value in prop::num::f64::ANY) {
        let mut record = Record::new(1, 0.5);
        record.insert("loss", value);
        let back = from_json(to_json(&record).to_string().as_bytes()).unwrap();
        let back = back.get("loss").unwrap();
        prop_assert!(back.to_bits() == value.to_bits() || (back.is_nan() && value.is_nan()));
    }

    #[test]
    fn any_prefix_of_the_file_can_be_continued(length in 0usize..400) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metrics.jsonl");
        write(&path, 1..=5);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..length.min(bytes.len())]).unwrap();
        let last = steps(&path).last().copied().unwrap_or(0);
        write(&path, last + 1..=5);
        prop_assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}
