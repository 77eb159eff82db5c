//! Names with spaces, names that are no UTF-8, and no home.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use latentlab_report::Picture;

use crate::{assert_same, latentlab, outcome, resume, start, succeed, whole};

/// A folder whose name has a space, a line break and bytes that are no UTF-8.
fn awkward(folder: &Path) -> PathBuf {
    let path = folder.join(OsStr::from_bytes(b"my runs\n\xff\xfe caf\xe9"));
    fs::create_dir(&path).unwrap();
    path
}

/// Twenty images in two classes, in a folder called `my data`.
fn pictures(folder: &Path) {
    for number in 0..20u8 {
        let class = OsStr::from_bytes([&b"class a"[..], b"class \xff"][usize::from(number % 2)]);
        let folder = folder.join("my data").join(class);
        fs::create_dir_all(&folder).unwrap();
        let name = [b"\xfe image ", number.to_string().as_bytes(), b".png"].concat();
        let picture = Picture::new(8, 8, [number * 10; 3]);
        fs::write(folder.join(OsStr::from_bytes(&name)), picture.to_png()).unwrap();
    }
}

#[test]
fn every_verb_takes_a_path_of_any_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let place = awkward(folder.path());
    let whole = whole(folder.path());
    let run = place.join("a run");
    succeed(&mut start(&run));
    assert_same(&whole, &run);
    succeed(&mut resume(&run));
    succeed(&mut latentlab(&[&"reproduce", &run]));
    succeed(&mut latentlab(&[&"list", &place]));
    succeed(&mut latentlab(&[&"list", &place, &"--json"]));
    let page = place.join("page.html");
    succeed(&mut latentlab(&[&"compare", &run, &whole, &"--out", &page]));
    assert!(page.is_file());
}

#[test]
fn an_experiment_file_its_data_and_its_pictures_may_be_called_anything() {
    let folder = tempfile::tempdir().unwrap();
    let place = awkward(folder.path());
    pictures(&place);
    let file = place.join(OsStr::from_bytes(b"an experiment\xff.toml"));
    let text = "steps = 6\nbatch_size = 8\ncheckpoint.every = 2\n\
                data = { name = 'folder', dir = 'my data', size = 8, channels = 1, test_fraction = 0.5 }\n\
                model = { name = 'vae', config = { hidden = [8], latent = 2 } }";
    fs::write(&file, text).unwrap();
    let run = place.join("run");
    succeed(&mut latentlab(&[&"describe", &file]));
    succeed(latentlab(&[&"experiment", &file, &"--out", &run]).current_dir(&place));
    for verb in ["sample", "reconstruct", "interpolate", "features"] {
        let out = place.join(format!("{verb}.png"));
        succeed(latentlab(&[&verb, &run, &"--out", &out]).current_dir(&place));
        assert!(out.is_file(), "{verb}");
    }
    let against = place.join("my data");
    let judged = latentlab(&[&"evaluate", &run, &"--against", &against])
        .current_dir(&place)
        .output()
        .unwrap();
    assert!(judged.status.success(), "{judged:?}");
}

#[test]
fn a_home_is_not_needed() {
    let folder = tempfile::tempdir().unwrap();
    let whole = whole(folder.path());
    let [none, nowhere] = ["none", "nowhere"].map(|name| folder.path().join(name));
    succeed(start(&none).env_remove("HOME").env_remove("USER"));
    let (code, said) = outcome(start(&nowhere).env("HOME", "/nowhere at all"));
    assert_eq!(code, Some(0), "{said}");
    assert_same(&whole, &none);
    assert_same(&whole, &nowhere);
}
