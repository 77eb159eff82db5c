//! Words that stay where they belong: files, clocks, randomness and unfinished business.

use super::{Violation, rust_code};
use crate::workspace::{File, Workspace};

/// Words that only some of the code may use.
struct Ban {
    words: &'static [&'static str],
    /// Whether tests and benches are held to it as well.
    in_tests: bool,
    /// The paths that the ban is for.
    holds_in: fn(&str) -> bool,
    mend: &'static str,
}

const BANS: [Ban; 4] = [
    Ban {
        words: &["todo!", "unimplemented!", "dbg!", "#[ignore"],
        in_tests: true,
        holds_in: |_| true,
        mend: "finish it or take it out",
    },
    Ban {
        words: &["fs::", "std::fs", "File::", "OpenOptions"],
        in_tests: false,
        holds_in: |path| !may_use_files(path),
        mend: "only latentlab-data, latentlab-train's checkpoints and observers and \
               the programs use files: take or return bytes",
    },
    Ban {
        words: &[
            "Tensor::rand(",
            "Tensor::randn",
            "thread_rng",
            "Instant::now",
            "SystemTime::now",
            "env::var",
        ],
        in_tests: false,
        holds_in: is_pure_library,
        mend: "a library takes randomness, time and settings as arguments",
    },
    Ban {
        words: &["anyhow"],
        in_tests: false,
        holds_in: is_library_part_of_the_program,
        mend: "only the command line uses anyhow: return latentlab_run's own error",
    },
];

/// No file uses a word that is banned from it.
pub fn stay_where_they_belong(workspace: &Workspace) -> Vec<Violation> {
    workspace.with_extension("rs").flat_map(of_file).collect()
}

fn of_file(file: &File) -> Vec<Violation> {
    let mut violations = Vec::new();
    for ban in BANS.iter().filter(|ban| (ban.holds_in)(&file.path)) {
        if is_test(&file.path) && !ban.in_tests {
            continue;
        }
        let lines = match ban.in_tests {
            true => rust_code::lines(&file.text),
            false => rust_code::lines_before_tests(&file.text),
        };
        for (number, line) in lines {
            let found = ban
                .words
                .iter()
                .find(|word| rust_code::contains_word(&line, word));
            violations.extend(found.map(|word| {
                Violation::at_line(
                    &file.path,
                    number,
                    format!("`{word}` has no place here: {}", ban.mend),
                )
            }));
        }
    }
    violations
}

fn is_test(path: &str) -> bool {
    path.starts_with("benches/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

fn may_use_files(path: &str) -> bool {
    const ALLOWED: [&str; 14] = [
        // Only the system tells whether the process has other threads.
        "crates/latentlab-tensor/src/autograd/process",
        "crates/latentlab-cli/",
        "crates/latentlab-data/",
        "crates/latentlab-claims/",
        "crates/latentlab-fuzz/",
        "crates/latentlab-torture/",
        "crates/latentlab-evaluate/src/features.rs",
        "crates/latentlab-run/",
        "crates/latentlab-report/",
        "crates/latentlab-train/src/checkpoint",
        "crates/latentlab-train/src/disk",
        "crates/latentlab-train/src/durable",
        "crates/latentlab-train/src/observe",
        "xtask/",
    ];
    ALLOWED.iter().any(|allowed| path.starts_with(allowed)) || path.ends_with("/build.rs")
}

fn is_pure_library(path: &str) -> bool {
    const PURE: [&str; 12] = [
        "kernels/",
        "tensor/",
        "nn/",
        "losses/",
        "optim/",
        "core/",
        "models/",
        "data/",
        "mnist/",
        "metrics/",
        "evaluate/",
        "example-",
    ];
    let Some(name) = path.strip_prefix("crates/latentlab-") else {
        return false;
    };
    PURE.iter().any(|pure| name.starts_with(pure)) && !path.ends_with("/main.rs")
}

fn is_library_part_of_the_program(path: &str) -> bool {
    path.starts_with("crates/latentlab-run/src/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(path: &str, text: &str) -> Vec<String> {
        let workspace = Workspace::of_files(&[(path, text)]);
        stay_where_they_belong(&workspace)
            .into_iter()
            .map(|violation| violation.place)
            .collect()
    }

    #[test]
    fn unfinished_business_is_found_in_tests_too() {
        let text = "fn a() {\n    todo!()\n}\n#[test]\n#[ignore = \"slow\"]\nfn b() {}\n";
        assert_eq!(
            places("crates/x/tests/a.rs", text),
            ["crates/x/tests/a.rs:2", "crates/x/tests/a.rs:5"]
        );
    }

    #[test]
    fn a_comment_may_name_any_word() {
        assert!(
            places(
                "crates/latentlab-core/src/a.rs",
                "// no todo!() and no std::fs\n"
            )
            .is_empty()
        );
    }

    #[test]
    fn files_are_for_data_checkpoints_and_runs() {
        let text = "use std::fs;\n";
        for path in ["losses/src/a.rs", "train/src/step.rs", "core/src/a.rs"] {
            assert_eq!(
                places(&format!("crates/latentlab-{path}"), text).len(),
                1,
                "{path}"
            );
        }
        for path in [
            "data/src/a.rs",
            "train/src/checkpoint/store.rs",
            "run/src/a.rs",
            "losses/tests/a.rs",
        ] {
            assert!(
                places(&format!("crates/latentlab-{path}"), text).is_empty(),
                "{path}"
            );
        }
    }

    #[test]
    fn libraries_draw_read_and_time_nothing_of_their_own() {
        for code in [
            "Tensor::randn(0f32, 1f32, 3, device)",
            "std::time::Instant::now()",
            "std::env::var_os(name)",
        ] {
            assert_eq!(
                places("crates/latentlab-models/src/a.rs", code).len(),
                1,
                "{code}"
            );
            assert!(
                places("crates/latentlab-run/src/a.rs", code).is_empty(),
                "{code}"
            );
        }
    }

    #[test]
    fn the_tests_at_the_end_of_a_file_may() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
        assert!(places("crates/latentlab-losses/src/a.rs", text).is_empty());
    }

    #[test]
    fn anyhow_stays_in_the_command_line() {
        let text = "use anyhow::Result;\n";
        assert_eq!(places("crates/latentlab-run/src/run.rs", text).len(), 1);
        assert!(places("crates/latentlab-cli/src/list.rs", text).is_empty());
        assert!(places("crates/latentlab-cli/src/main.rs", text).is_empty());
    }
}
