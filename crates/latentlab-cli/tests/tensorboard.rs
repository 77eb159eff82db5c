//! The events of a run as PyPI's `tensorboard` reads them, where it is installed.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// Prints every scalar (`tag step value`) and every image (`tag step width height bytes`).
const READER: &str = r#"
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "images": 0})
events.Reload()
for tag in events.Tags()["scalars"]:
    for event in events.Scalars(tag):
        print(tag, event.step, repr(event.value))
for tag in events.Tags()["images"]:
    for event in events.Images(tag):
        print(tag, event.step, event.width, event.height, len(event.encoded_image_string))
"#;

fn python(arguments: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.args(arguments);
    command
}

fn latentlab(arguments: &[&str]) {
    let status = Command::new(env!("CARGO_BIN_EXE_latentlab"))
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.unwrap().success(), "{arguments:?}");
}

/// The lines that the reader should print, from the records and the pictures of a run.
fn expected(run: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for record in latentlab_train::observers::read_metrics(run.join("metrics.jsonl")).unwrap() {
        for (key, value) in record.iter() {
            // Python's floats are those of 64 bits.
            lines.push(format!(
                "{key} {} {:?}",
                record.step,
                f64::from(value as f32)
            ));
        }
    }
    for folder in ["samples", "reconstructions"] {
        let pictures = latentlab_train::observers::numbered_pictures(&run.join(folder), "step");
        for (step, file) in pictures.unwrap() {
            let bytes = fs::read(file).unwrap();
            let side = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
            let (width, height) = (side(16), side(20)); // where a PNG says so
            lines.push(format!("{folder} {step} {width} {height} {}", bytes.len()));
        }
    }
    lines.sort();
    lines
}

/// A line with its number as bits, since the two languages write some numbers differently.
fn comparable(line: &str) -> String {
    let (before, last) = line.rsplit_once(' ').unwrap();
    let number: f64 = last.parse().unwrap();
    format!("{before} {:016x}", number.to_bits())
}

#[test]
fn tensorboard_reads_what_was_recorded_also_after_a_resumption() {
    let found = python(&["-c", "import tensorboard"])
        .stderr(Stdio::null())
        .status();
    if !found.is_ok_and(|status| status.success()) {
        // Not captured by the test harness, unlike `eprintln!`.
        let words = "SKIPPED: no TensorBoard has read the events, for python3 cannot import it\n";
        std::io::stderr().write_all(words.as_bytes()).unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let path = run.to_str().unwrap();
    latentlab(&["experiment", "vae-mnist", "--smoke", "--out", path]);
    latentlab(&["resume", path, "--steps", "9"]);
    let events = run.join("tensorboard");
    let output = python(&["-c", READER, events.to_str().unwrap()])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut read: Vec<String> = text.lines().map(comparable).collect();
    let mut expected: Vec<String> = expected(&run).iter().map(|line| comparable(line)).collect();
    read.sort();
    expected.sort();
    assert!(
        expected.len() > 50,
        "hardly anything was recorded: {expected:?}"
    );
    assert_eq!(read, expected);
}
