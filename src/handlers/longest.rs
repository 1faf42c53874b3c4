//! [`LONGEST`]: the longest duration of an option.

use std::time::Duration;

/// The longest duration of an option, one year: a clock cannot count much longer ones from now.
pub(crate) const LONGEST: Duration = Duration::from_secs(60 * 60 * 24 * 365);
