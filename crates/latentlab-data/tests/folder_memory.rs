//! Reading a folder takes little more memory than the images that stay.
//!
//! One test in a process of its own: what it counts is all that the process has.

use image::{Rgb, RgbImage};
use latentlab_data::{DataConfig, Dataset, Split};
use peak_alloc::PeakAlloc;
use tempfile::tempdir;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

#[test]
fn a_folder_takes_at_most_1_3_times_its_decoded_size() {
    const COUNT: usize = 2_000;
    const SIDE: u32 = 64;
    let dir = tempdir().unwrap();
    for class in ["a", "b"] {
        std::fs::create_dir(dir.path().join(class)).unwrap();
        for number in 0..COUNT / 2 {
            // Larger than what stays, and not square.
            let level = (number % 256) as u8;
            let picture =
                RgbImage::from_fn(SIDE + 20, SIDE + 6, |x, y| Rgb([level, x as u8, y as u8]));
            picture
                .save(dir.path().join(class).join(format!("{number:04}.png")))
                .unwrap();
        }
    }
    let mut table = toml::toml! { name = "folder" size = 64 test_fraction = 0.1 };
    table.insert("dir".to_owned(), dir.path().to_str().unwrap().into());
    let config = DataConfig::from_table(&table).unwrap();
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let dataset = Dataset::open(&config).unwrap();
    let taken = MEMORY.peak_usage() - before;
    assert_eq!(dataset.len(Split::Train) + dataset.len(Split::Test), COUNT);
    let decoded = COUNT * 3 * (SIDE * SIDE) as usize;
    assert!(taken * 10 <= decoded * 13, "{taken} bytes for {decoded}");
}
