//! Tests of the files of pictures.

use super::*;

fn encoded(pictures: &[Picture], format: Format) -> Vec<u8> {
    let timing = Timing {
        each: Duration::from_millis(40),
        last: Duration::from_millis(2500),
    };
    let bytes = format.encode(pictures, timing).unwrap();
    assert_eq!(bytes, format.encode(pictures, timing).unwrap());
    bytes
}

/// A grey picture with a corner of a colour.
fn picture(corner: [u8; 3]) -> Picture {
    let mut picture = Picture::new(6, 4, [90; 3]);
    picture.fill(0, 0, 2, 2, corner);
    picture
}

/// The frames of a GIF, with their hundredths of a second.
fn read_gif(bytes: &[u8]) -> Vec<(Picture, u16)> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(bytes).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        let pixels = frame.buffer.as_chunks::<4>().0.iter();
        let picture = Picture {
            width: usize::from(frame.width),
            height: usize::from(frame.height),
            pixels: pixels.map(|[r, g, b, _]| [*r, *g, *b]).collect(),
        };
        frames.push((picture, frame.delay));
    }
    frames
}

#[test]
fn the_ending_decides_and_any_other_is_refused_with_those_there_are() {
    for (name, format) in [
        ("a.png", Format::Png),
        ("a.b.JPG", Format::Jpeg),
        ("a.jpeg", Format::Jpeg),
        ("dir.png/a.Gif", Format::Gif),
    ] {
        assert_eq!(Format::of(Path::new(name)).unwrap(), format, "{name}");
    }
    for name in ["a.webp", "png", "a.", "dir.png/a"] {
        let message = Format::of(Path::new(name)).unwrap_err().to_string();
        let expected =
            format!("{name}: the name of a picture must end in .png, .jpg, .jpeg or .gif");
        assert_eq!(message, expected);
    }
}

#[test]
fn each_format_begins_with_its_signature_and_holds_the_picture() {
    let picture = picture([250, 3, 120]);
    let one = std::slice::from_ref(&picture);
    let png = encoded(one, Format::Png);
    assert_eq!(png, picture.to_png());
    let gif = encoded(one, Format::Gif);
    assert!(gif.starts_with(b"GIF89a"));
    assert_eq!(read_gif(&gif)[0].0, picture);
    let jpeg = encoded(one, Format::Jpeg);
    assert!(jpeg.starts_with(&[0xff, 0xd8, 0xff]));
    let flat = Picture::new(16, 8, [200, 30, 60]);
    let jpeg = encoded(std::slice::from_ref(&flat), Format::Jpeg);
    let format = image::ImageFormat::Jpeg;
    let back = image::load_from_memory_with_format(&jpeg, format)
        .unwrap()
        .to_rgb8();
    assert_eq!(back.dimensions(), (16, 8));
    for pixel in back.pixels() {
        let near = pixel.0.iter().zip([200, 30, 60]);
        assert!(
            near.into_iter().all(|(a, b)| a.abs_diff(b) <= 3),
            "{pixel:?}"
        );
    }
}

#[test]
fn several_pictures_are_an_animation_with_the_last_shown_longer() {
    let pictures = [[10; 3], [20; 3], [30; 3]].map(picture);
    let frames = read_gif(&encoded(&pictures, Format::Gif));
    let delays: Vec<u16> = frames.iter().map(|(_, delay)| *delay).collect();
    assert_eq!(delays, [4, 4, 250]);
    assert!(frames.iter().map(|(frame, _)| frame).eq(&pictures));
    let png = encoded(&pictures, Format::Png);
    let mut reader = png::Decoder::new(std::io::Cursor::new(png))
        .read_info()
        .unwrap();
    assert_eq!(reader.info().animation_control().unwrap().num_frames, 3);
    for (picture, delay) in pictures.iter().zip([40, 40, 2500]) {
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!(pixels, picture.pixels.as_flattened());
        let control = reader.info().frame_control().unwrap();
        assert_eq!((control.delay_num, control.delay_den), (delay, 1000));
    }
}

#[test]
fn a_gif_of_many_colours_is_near_them() {
    let mut picture = Picture::new(64, 64, [0; 3]);
    for place in 0..64 * 64 {
        let (x, y) = (place % 64, place / 64);
        picture.set_pixel(x, y, [4 * x as u8, 4 * y as u8, 128]);
    }
    let (back, _) = &read_gif(&encoded(std::slice::from_ref(&picture), Format::Gif))[0];
    let pixels = back
        .pixels
        .as_flattened()
        .iter()
        .zip(picture.pixels.as_flattened());
    let error: f64 = pixels.map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
    let mean = error / (3.0 * 64.0 * 64.0);
    assert!(mean < 8.0, "{mean} of 255 levels");
}

#[test]
fn what_cannot_be_written_is_refused() {
    let (small, large) = (Picture::new(2, 2, [0; 3]), Picture::new(70_000, 1, [0; 3]));
    for (pictures, format, problem) in [
        (vec![], Format::Png, "there is no picture to write"),
        (
            vec![small.clone(); 2],
            Format::Jpeg,
            "a JPEG file holds one picture, not 2; one whose name ends in .png or .gif",
        ),
        (
            vec![small.clone(), large.clone()],
            Format::Gif,
            "the pictures of an animation have one size, not 2x2 and 70000x1 pixels",
        ),
        (
            vec![large.clone()],
            Format::Gif,
            "a picture of 70000x1 pixels cannot",
        ),
        (
            vec![large.clone()],
            Format::Jpeg,
            "a picture of 70000x1 pixels cannot",
        ),
        (
            vec![Picture::new(0, 3, [0; 3])],
            Format::Png,
            "a picture of 0x3 pixels cannot",
        ),
    ] {
        let message = format
            .encode(&pictures, Timing::default())
            .unwrap_err()
            .to_string();
        assert!(message.starts_with(problem), "{message}");
    }
    Format::Png.encode(&[large], Timing::default()).unwrap();
}

#[test]
fn a_file_is_written_as_it_is_called_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = [picture([1; 3]), picture([2; 3])];
    for (name, format) in [("walk.gif", Format::Gif), ("walk.png", Format::Png)] {
        let file = folder.path().join(name);
        write(&file, &pictures, Timing::default()).unwrap();
        let wanted = format.encode(&pictures, Timing::default()).unwrap();
        assert_eq!(std::fs::read(file).unwrap(), wanted);
    }
    for name in ["walk.jpg", "walk.bmp"] {
        write(&folder.path().join(name), &pictures, Timing::default()).unwrap_err();
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}
