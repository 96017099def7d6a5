//! Congestion control.

/// Which congestion controller an association uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// NewReno as RFC 9260, section 7.2 describes it.
    NewReno,
    /// CUBIC (RFC 9438).
    #[default]
    Cubic,
}
