//! People's own pictures: data that change, move or are gone, and sizes that do not fit twice.

mod album;
mod changed;
mod features;
mod few;
mod memory;
mod outputs;
mod single;
mod within;
