//! Numbers of every type as images and labels.

use latentlab_data::Split;
use toml::Table;

use crate::{
    archive::{numbers, read, refused},
    opened::{bytes, labels, notes, values},
};

#[test]
fn whole_numbers_of_every_type_are_grey_levels() {
    for descr in [
        "|u1", "<u2", ">u2", "<u4", ">u4", "<u8", ">u8", "<i2", ">i2", "<i4", ">i4", "<i8", ">i8",
    ] {
        let images = numbers(descr, "1, 1, 3", &[0, 127, 255]);
        let dataset = read(&[("images", images)], Table::new()).unwrap();
        assert_eq!(bytes(&dataset), [0, 127, 255], "{descr}");
    }
    let images = numbers("|i1", "1, 1, 3", &[0, 7, 127]);
    let dataset = read(&[("images", images)], Table::new()).unwrap();
    assert_eq!(bytes(&dataset), [0, 7, 127]);
    let images = numbers("|b1", "1, 1, 2", &[0, 1]);
    let dataset = read(&[("images", images)], Table::new()).unwrap();
    assert_eq!(bytes(&dataset), [0, 255]);
    assert_eq!(notes(&dataset), [""; 0]);
}

#[test]
fn whole_numbers_beyond_a_byte_are_refused() {
    for (descr, number) in [("<u2", 256), ("<i4", -1), (">i8", 65_535), ("|i1", -128)] {
        let images = numbers(descr, "1, 1, 2", &[0, number]);
        let message = refused(&[("images", images)], Table::new());
        assert!(
            message.contains(&format!(
                "hold {number}, expected whole numbers from 0 to 255"
            )),
            "{message}"
        );
    }
}

#[test]
fn floats_of_every_width_are_read() {
    for descr in ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8"] {
        let images = numbers(descr, "1, 1, 2", &[0, 1]);
        let dataset = read(&[("images", images)], Table::new()).unwrap();
        assert_eq!(values(&dataset, Split::Train), [0.0, 1.0], "{descr}");
    }
    let images = numbers("<f2", "1, 1, 1", &[2]);
    let dataset = read(&[("images", images)], Table::new()).unwrap();
    assert_eq!(values(&dataset, Split::Train), [0.5]);
}

#[test]
fn a_scale_says_which_numbers_are_black_and_white() {
    let pixels = |descr: &str, these: &[i64], scale: &str| {
        let shape = format!("1, 1, {}", these.len());
        let images = numbers(descr, &shape, these);
        let keys = Table::from_iter([("scale".to_owned(), scale.into())]);
        read(&[("images", images)], keys)
            .map(|dataset| (values(&dataset, Split::Train), notes(&dataset)))
    };
    let signed = "values rescaled from -1 to 1: 1".to_owned();
    let (found, said) = pixels("<f4", &[-1, 0, 1], "signed").unwrap();
    assert_eq!((found, said), (vec![0.0, 0.5, 1.0], vec![signed.clone()]));
    let (found, said) = pixels("|i1", &[-1, 1], "signed").unwrap();
    assert_eq!((found, said), (vec![0.0, 1.0], vec![signed]));
    let (found, said) = pixels("<f8", &[0, 51, 255], "byte").unwrap();
    assert_eq!(found, [0.0, 0.2, 1.0]);
    assert_eq!(said, ["values rescaled from 0 to 255: 1"]);
    let (found, said) = pixels("|u1", &[0, 1], "unit").unwrap();
    assert_eq!(found, [0.0, 1.0]);
    assert_eq!(said, ["values taken from 0 and 1: 1"]);
    // What is a mistake is refused, and what most likely is one is said.
    let message = pixels("<f4", &[0, 1], "byte").unwrap_err().to_string();
    assert!(message.contains("leave scale = \"byte\" out"), "{message}");
    let (_, said) = pixels("<f4", &[0, 1], "signed").unwrap();
    assert!(said[0].contains("though none is below 0"), "{said:?}");
    let (_, said) = pixels("<i8", &[0, 1], "auto").unwrap();
    assert!(
        said[0].contains("scale = \"unit\" makes 1 white"),
        "{said:?}"
    );
    for (descr, odd, scale) in [
        ("<f4", 2, "signed"),
        ("<f4", 256, "byte"),
        ("|u1", 2, "unit"),
    ] {
        let message = pixels(descr, &[0, odd], scale).unwrap_err().to_string();
        assert!(
            message.contains(&format!("its images hold {odd}, expected")),
            "{message}"
        );
    }
}

#[test]
fn labels_of_every_type_and_of_one_column_are_read() {
    let images = || numbers("|u1", "3, 1, 1", &[1, 2, 3]);
    for descr in [
        "|u1", "<u2", ">u4", "<u8", "|i1", ">i2", "<i4", "<i8", "<f4", ">f8",
    ] {
        for shape in ["3,", "3, 1"] {
            let file = [
                ("images", images()),
                ("labels", numbers(descr, shape, &[2, 0, 1])),
            ];
            let dataset = read(&file, Table::new()).unwrap();
            assert_eq!(labels(&dataset, Split::Train), [2, 0, 1], "{descr} {shape}");
        }
    }
    let wrong =
        |labels: Vec<u8>| refused(&[("images", images()), ("labels", labels)], Table::new());
    assert!(wrong(numbers("<i8", "3,", &[0, -1, 0])).contains("has a label -1, expected"));
    assert!(wrong(numbers("<u4", "3,", &[0, 65_536, 0])).contains("has a label 65536, expected"));
    assert!(wrong(numbers("<f2", "3,", &[0, 2, 0])).contains("has a label 0.5, expected"));
    assert!(wrong(numbers("|u1", "2,", &[0, 1])).contains("holds 2 labels, but"));
    let one_hot = numbers("|u1", "3, 2", &[0, 1, 1, 0, 0, 1]);
    assert!(wrong(one_hot).contains("of one-hot rows save argmax"));
}
