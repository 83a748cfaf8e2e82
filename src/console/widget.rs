//! What several panes draw. A widget's state is data; drawing is a function of it.

pub mod bars;
pub mod dialog;
pub mod dots;
pub mod filter;
pub mod heat_map;
pub mod input;
pub mod table;
pub mod text_view;
pub mod tree;
