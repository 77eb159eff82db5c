//! Pictures in the format that was asked for, with the look that was asked for.

use std::{fs, io::BufReader, path::Path};

use crate::album::{Album, failure, success, text};

/// Width and height of a PNG, and its number of frames.
fn png(file: &Path) -> (u32, u32, u32) {
    let opened = fs::File::open(file).unwrap();
    let reader = png::Decoder::new(BufReader::new(opened))
        .read_info()
        .unwrap();
    let info = reader.info();
    let frames = info
        .animation_control()
        .map_or(1, |control| control.num_frames);
    (info.width, info.height, frames)
}

#[test]
fn the_ending_decides_the_format_and_an_unknown_one_is_refused_before_the_work() {
    let album = Album::new(12, 8);
    let run = album.train("vae", 8, &[]);
    let run = text(&run);
    let first_bytes = [
        ("png", &b"\x89PNG"[..]),
        ("jpg", b"\xff\xd8\xff"),
        ("gif", b"GIF89a"),
    ];
    for verb in ["sample", "reconstruct", "interpolate"] {
        for (ending, begins) in first_bytes {
            let out = album.path(&format!("out.{ending}"));
            success(&[verb, run, "--out", text(&out)]);
            assert!(
                fs::read(&out).unwrap().starts_with(begins),
                "{verb} {ending}"
            );
        }
        let out = album.path("out.bmp");
        let (code, errors) = failure(&[verb, run, "--out", text(&out)]);
        assert_eq!(code, 2, "{errors}");
        assert!(errors.contains(".png, .jpg, .jpeg or .gif"), "{errors}");
        assert!(!out.exists());
    }
}

#[test]
fn scale_frame_and_channels_are_as_they_were_asked_for() {
    let album = Album::new(12, 8);
    let run = album.train("vae", 8, &[]);
    let out = album.path("out.png");
    let (run, to) = (text(&run), text(&out));
    for (more, size) in [
        (&[][..], (35, 35)),                              // 2 x (8 * 2 + 1) + 1
        (&["--no-frame"], (32, 32)),                      // 2 x 8 * 2
        (&["--scale", "5", "--no-frame"], (80, 80)),      // 2 x 8 * 5
        (&["--channels", "2", "--scale", "1"], (19, 19)), // 2 x (8 + 1) + 1
    ] {
        success(&[&["sample", run, "--count", "4", "--out", to], more].concat());
        let (width, height, _) = png(&out);
        assert_eq!((width, height), size, "{more:?}");
    }
    let call = [
        "sample",
        run,
        "--count",
        "3",
        "--no-frame",
        "--scale",
        "1",
        "--out",
        to,
    ];
    success(&call);
    let opened = fs::File::open(&out).unwrap();
    let mut reader = png::Decoder::new(BufReader::new(opened))
        .read_info()
        .unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    let last = &pixels[pixels.len() - 3..];
    assert_eq!(
        last, [128; 3],
        "the place without an image is grey, no hole"
    );
    for (more, word) in [
        (["--scale", "0"], "scale"),
        (["--channels", "3"], "channel 3"),
    ] {
        let call = [&["sample", run, "--out", to], &more[..]].concat();
        let (code, errors) = failure(&call);
        assert_eq!(code, 2, "{errors}");
        assert!(errors.contains(word), "{errors}");
    }
}

#[test]
fn each_sample_is_a_file_of_its_own() {
    let album = Album::new(12, 8);
    let run = album.train("gan", 8, &[]);
    let (run, folder) = (text(&run), album.path("each"));
    success(&["sample", run, "--count", "11", "--each", text(&folder)]);
    let mut names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    assert_eq!(names.len(), 11);
    assert!(names[10].ends_with("000010.png"));
    assert!(names.iter().all(|file| png(file) == (8, 8, 1)));
    let (code, errors) = failure(&["sample", run, "--each", text(&folder)]);
    assert_eq!(code, 2);
    assert!(errors.contains("not empty"), "{errors}");
    let among = album.pictures().join("each");
    let (_, errors) = failure(&["sample", run, "--each", text(&among)]);
    assert!(
        errors.contains("among the data") && !among.exists(),
        "{errors}"
    );
    assert_eq!(failure(&["sample", run]).0, 2, "one of the two is needed");
    // What `evaluate --against` reads of any program.
    success(&["evaluate", run, "--against", text(&folder)]);
}

#[test]
fn samples_keep_the_alpha_that_their_data_kept() {
    let album = Album::new(12, 8);
    let run = album.train("gan", 8, &["--set", "data.background=keep"]);
    let folder = album.path("each");
    success(&[
        "sample",
        text(&run),
        "--count",
        "10",
        "--each",
        text(&folder),
    ]);
    let file = fs::File::open(folder.join("000000.png")).unwrap();
    let reader = png::Decoder::new(std::io::BufReader::new(file))
        .read_info()
        .unwrap();
    assert_eq!(reader.info().color_type, png::ColorType::Rgba);
    // So that they are judged as the samples that they are: both draws begin with the same vectors.
    let said = success(&["evaluate", text(&run), "--against", text(&folder)]);
    assert!(!said.contains("note: of the pictures, grey"), "{said}");
    let (code, errors) = failure(&["sample", text(&run), "--out", text(&album.path("no/s.png"))]);
    assert_eq!(code, 2);
    assert!(errors.contains("there is no folder"), "{errors}");
}

#[test]
fn a_walk_moves_there_and_back() {
    let album = Album::new(12, 8);
    let run = album.train("vae", 8, &[]);
    let run = text(&run);
    let out = album.path("walk.png");
    let call = [
        "interpolate",
        run,
        "--rows",
        "4",
        "--columns",
        "5",
        "--animate",
        "--out",
    ];
    success(&[&call[..], &[text(&out)]].concat());
    assert_eq!(png(&out), (35, 35, 8), "5 there and 3 back");
    let out = album.path("walk.gif");
    success(&[&call[..], &[text(&out)]].concat());
    let bytes = fs::read(&out).unwrap();
    assert!(
        bytes.windows(11).any(|part| part == b"NETSCAPE2.0"),
        "it begins anew"
    );
    let out = album.path("walk.jpg");
    let (code, errors) = failure(&[&call[..], &[text(&out)]].concat());
    assert_eq!(code, 2);
    assert!(errors.contains("--animate"), "{errors}");
}

#[test]
fn a_picture_that_nobody_could_open_is_refused_before_it_is_made() {
    let album = Album::new(24, 256);
    let run = album.train("gan", 256, &[]);
    let out = album.path("out.png");
    let (code, errors) = failure(&[
        "sample",
        text(&run),
        "--count",
        "10000",
        "--out",
        text(&out),
    ]);
    assert_eq!(code, 2);
    assert!(
        errors.contains("655 million") && errors.contains("--each"),
        "{errors}"
    );
}
