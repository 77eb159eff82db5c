//! Folders of pictures.

mod alpha;
mod classes;
mod damage;
mod listing;
#[path = "../opened/mod.rs"]
mod opened;
mod shapes;
mod split;
