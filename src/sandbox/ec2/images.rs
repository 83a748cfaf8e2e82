//! The images that there are.

/// The image that a public parameter of Systems Manager names.
pub(crate) fn by_public_parameter(name: &str) -> Option<&'static str> {
    let _ = name;
    None
}
