//! The instance types that notebooks and processing jobs may have, by family.

/// A family's name and its sizes.
pub(super) struct Family(&'static str, &'static str);

/// What a notebook instance may run on.
pub(super) const NOTEBOOK: &[Family] = &[
    Family("t2", "medium large xlarge 2xlarge"),
    Family("t3", "medium large xlarge 2xlarge"),
    Family("m4", "xlarge 2xlarge 4xlarge 10xlarge 16xlarge"),
    Family("m5", "xlarge 2xlarge 4xlarge 12xlarge 24xlarge"),
    Family("m5d", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge"),
    Family("c4", "xlarge 2xlarge 4xlarge 8xlarge"),
    Family("c5", "xlarge 2xlarge 4xlarge 9xlarge 18xlarge"),
    Family("c5d", "xlarge 2xlarge 4xlarge 9xlarge 18xlarge"),
    Family("p2", "xlarge 8xlarge 16xlarge"),
    Family("p3", "2xlarge 8xlarge 16xlarge"),
    Family("p3dn", "24xlarge"),
    Family("g4dn", "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
    Family("r5", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge"),
    Family("g5", "xlarge 2xlarge 4xlarge 8xlarge 16xlarge 12xlarge 24xlarge 48xlarge"),
    Family("inf1", "xlarge 2xlarge 6xlarge 24xlarge"),
    Family("trn1", "2xlarge 32xlarge"),
    Family("trn1n", "32xlarge"),
    Family("inf2", "xlarge 8xlarge 24xlarge 48xlarge"),
    Family("p4d", "24xlarge"),
    Family("p4de", "24xlarge"),
    Family("p5", "48xlarge 4xlarge"),
    Family("p6-b200", "48xlarge"),
    Family("m6i", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge"),
    Family("m7i", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"),
    Family("c6i", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge"),
    Family("c7i", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"),
    Family("r6i", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge"),
    Family("r7i", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"),
    Family("m6id", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge"),
    Family("c6id", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge"),
    Family("r6id", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge"),
    Family("g6", "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"),
    Family("g7e", "2xlarge 4xlarge 8xlarge 12xlarge 24xlarge 48xlarge"),
    Family("p5en", "48xlarge"),
    Family("g6e", "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"),
];

/// What a processing job may run on.
pub(super) const PROCESSING: &[Family] = &[
    Family("t3", "medium large xlarge 2xlarge"),
    Family("m4", "xlarge 2xlarge 4xlarge 10xlarge 16xlarge"),
    Family("c4", "xlarge 2xlarge 4xlarge 8xlarge"),
    Family("p2", "xlarge 8xlarge 16xlarge"),
    Family("p3", "2xlarge 8xlarge 16xlarge"),
    Family("c5", "xlarge 2xlarge 4xlarge 9xlarge 18xlarge"),
    Family("m5", "large xlarge 2xlarge 4xlarge 12xlarge 24xlarge"),
    Family("r5", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge"),
    Family("g4dn", "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
    Family("g5", "xlarge 2xlarge 4xlarge 8xlarge 16xlarge 12xlarge 24xlarge 48xlarge"),
    Family("r5d", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge"),
    Family("g6", "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"),
    Family("g6e", "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"),
    Family("m6i", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge"),
    Family("c6i", "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge"),
    Family("m7i", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"),
    Family("c7i", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"),
    Family("r7i", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"),
    Family("p5", "4xlarge"),
    Family("g7e", "2xlarge 4xlarge 8xlarge 12xlarge 24xlarge 48xlarge"),
    Family("g7", "2xlarge 4xlarge 8xlarge 12xlarge 24xlarge 48xlarge"),
    Family("r6i", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge"),
    Family(
        "m8i",
        "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge 96xlarge",
    ),
    Family("c8i", "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge 96xlarge"),
    Family(
        "r8i",
        "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge 96xlarge",
    ),
    Family("m7i-flex", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
    Family("c7i-flex", "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
    Family("m8i-flex", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
    Family("c8i-flex", "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
    Family("r8i-flex", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
];

/// The names of all types: `ml.t3.medium`.
pub(super) fn names(families: &[Family]) -> impl Iterator<Item = String> {
    families
        .iter()
        .flat_map(|Family(family, sizes)| sizes.split(' ').map(move |size| format!("ml.{family}.{size}")))
}
