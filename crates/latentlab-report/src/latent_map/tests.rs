//! Tests of the maps of models as they are before training.

use latentlab_core::Registry;
use toml::Table;

use super::*;
use latentlab_run::Experiment;

/// The files in the folder of maps, with what they hold, after drawing the model of `file`.
fn drawn(file: &str) -> Vec<(String, Vec<u8>)> {
    let registry = Registry::default().with(latentlab_models::plugin).unwrap();
    let table: Table = file.parse().unwrap();
    let experiment = Experiment::resolve(&table, &Table::new(), &registry).unwrap();
    let session = Session::build(experiment, &registry).unwrap();
    session.store.freeze();
    let folder = tempfile::tempdir().unwrap();
    let directory = RunDir::create(Some(&folder.path().join("run")), "test", "id").unwrap();
    let stale = format!("{FOLDER}/stale.svg");
    directory.write(&stale, b"").unwrap();
    draw(&session, &directory).unwrap();
    let entries = fs::read_dir(directory.join(FOLDER)).into_iter().flatten();
    let mut files: Vec<_> = entries
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_plane_shows_its_codes_and_what_it_decodes_to() {
    let file = "model.name = \"vae\"\nmodel.config.latent = 2\nmodel.config.hidden = [8]\n";
    let files = drawn(file);
    let [(codes, svg), (decoded, png)] = &files[..] else {
        panic!(
            "{:?}",
            files.iter().map(|(name, _)| name).collect::<Vec<_>>()
        )
    };
    assert_eq!((codes.as_str(), decoded.as_str()), (CODES, DECODED));
    let svg = std::str::from_utf8(svg).unwrap();
    assert!(
        svg.contains(">2000 test images, 19") && svg.contains("z₂"),
        "{svg:.400}"
    );
    // Ten digits: a cloud and a place in the legend for each.
    assert_eq!(svg.matches("<g class=\"hue-").count(), 20);
    let shown = svg.matches("h0").count();
    assert!((1_950..2_000).contains(&shown), "{shown}");
    let mut header = png::Decoder::new(std::io::Cursor::new(png));
    let side = SIDE as u32 * (2 * 28 + 1) + 1;
    assert_eq!(header.read_header_info().unwrap().size(), (side, side));
    assert_eq!(drawn(file), files, "the same model, the same bytes");
}

#[test]
fn more_dimensions_show_their_principal_plane_and_its_share_of_the_variance() {
    let files = drawn("model.name = \"ae\"\nmodel.config.latent = 5\nmodel.config.hidden = [8]\n");
    let [(codes, svg)] = &files[..] else {
        panic!(
            "{:?}",
            files.iter().map(|(name, _)| name).collect::<Vec<_>>()
        )
    };
    assert_eq!(codes, CODES);
    let svg = std::str::from_utf8(svg).unwrap();
    assert!(
        svg.contains("% of the variance of 5 dimensions"),
        "{svg:.400}"
    );
    assert!(svg.contains("second principal component"), "{svg:.400}");
}

#[test]
fn a_line_is_drawn_by_classes_with_what_it_decodes_to() {
    let files = drawn("model.name = \"ae\"\nmodel.config.latent = 1\nmodel.config.hidden = [8]\n");
    let [(codes, svg), (decoded, png)] = &files[..] else {
        panic!("{} files", files.len())
    };
    assert_eq!([codes.as_str(), decoded.as_str()], [CODES, DECODED]);
    let svg = std::str::from_utf8(svg).unwrap();
    assert!(
        svg.contains(">class") && svg.contains("hue-9"),
        "{svg:.400}"
    );
    let mut header = png::Decoder::new(std::io::Cursor::new(png));
    let (width, height) = (SIDE as u32 * (2 * 28 + 1) + 1, 2 * 28 + 2);
    assert_eq!(header.read_header_info().unwrap().size(), (width, height));
}

#[test]
fn a_model_that_cannot_encode_has_no_map() {
    assert_eq!(drawn("model.name = \"gan\"\ndata.name = \"ring\"\n"), []);
}

#[test]
fn a_few_outliers_do_not_set_the_scale() {
    let mut values: Vec<f64> = (0..1_000).map(f64::from).collect();
    values[17] = 1e9;
    let range = range(values.into_iter());
    assert!(
        range.start < 5.0 && range.end > 990.0 && range.end < 1_100.0,
        "{range:?}"
    );
    let constant = super::range([3.0; 4].into_iter());
    assert!(constant.start < 3.0 && constant.end > 3.0);
}
