//! The search for tagged resources over all services.

use super::operation::operations;

operations! {}
