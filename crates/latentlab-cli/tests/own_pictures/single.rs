//! Single pictures of one's own, drawn by a model that needs no other data.

use std::fs;

use crate::album::{Album, failure, success, text};

#[test]
fn pictures_of_any_size_are_reconstructed_and_walked_between() {
    let (album, others) = (Album::new(12, 8), Album::new(2, 20));
    let run = album.train("vae", 8, &[]);
    fs::remove_dir_all(album.pictures()).unwrap();
    let [first, second] = [0, 1].map(|number| {
        let file = others.pictures().join(format!("picture-{number:03}.png"));
        text(&file).to_owned()
    });
    let out = album.path("out.png");
    let (run, out) = (text(&run), text(&out));
    let said = success(&["reconstruct", run, "--image", &first, &second, "--out", out]);
    assert!(said.contains("pixels"), "{said}");
    let note = "of the pictures, resized to fewer pixels: 2";
    assert!(said.contains(note), "{said}");
    success(&[
        "interpolate",
        run,
        "--from",
        &first,
        "--to",
        &second,
        "--out",
        out,
    ]);
    success(&[
        "reconstruct",
        run,
        "--image",
        &first,
        "--background",
        "#102030",
        "--out",
        out,
    ]);
}

#[test]
fn what_is_no_picture_is_named() {
    let album = Album::new(12, 8);
    let run = album.train("vae", 8, &[]);
    let note = album.path("note.txt");
    fs::write(&note, "no picture").unwrap();
    let (run, note, out) = (text(&run), text(&note), album.path("out.png"));
    for call in [
        vec!["reconstruct", run, "--image", note, "--out", text(&out)],
        vec![
            "interpolate",
            run,
            "--from",
            note,
            "--to",
            note,
            "--out",
            text(&out),
        ],
    ] {
        let (code, errors) = failure(&call);
        assert_eq!(code, 2, "{errors}");
        assert!(errors.contains("note.txt"), "{errors}");
    }
    let call = ["interpolate", run, "--from", note, "--out", text(&out)];
    assert!(failure(&call).1.contains("--to"));
    assert!(!out.exists());
}

#[test]
fn a_model_that_cannot_encode_says_what_it_can_do() {
    let album = Album::new(12, 8);
    let run = album.train("gan", 8, &[]);
    let picture = album.pictures().join("picture-000.png");
    let (run, picture, out) = (text(&run), text(&picture), album.path("out.png"));
    let out = text(&out);
    let (_, errors) = failure(&["reconstruct", run, "--image", picture, "--out", out]);
    assert!(errors.contains("try `sample`"), "{errors}");
    let (_, errors) = failure(&[
        "interpolate",
        run,
        "--from",
        picture,
        "--to",
        picture,
        "--out",
        out,
    ]);
    assert!(errors.contains("draws from its prior"), "{errors}");
}
