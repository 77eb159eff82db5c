//! Prints the first test image and its digit.

fn main() -> std::io::Result<()> {
    let images = latentlab_mnist::TEST_IMAGES.read()?;
    let labels = latentlab_mnist::TEST_LABELS.read()?;
    for row in images[16..16 + 28 * 28].chunks(28) {
        let shade = |pixel: &u8| [' ', '.', 'o', '#'][usize::from(pixel / 64)];
        println!("{}", row.iter().map(shade).collect::<String>());
    }
    println!("a {}", labels[8]);
    Ok(())
}
