//! Conditions joined by `&&`, `||` and parentheses. And binds tighter than or.

use super::Malformed;
use super::reader::Reader;

/// Conditions and how they are joined.
#[derive(Debug)]
pub(super) enum Formula<T> {
    One(T),
    All(Vec<Self>),
    Any(Vec<Self>),
}

/// So many parentheses may be open: reading them takes a thread's stack, and nobody writes more.
const DEEPEST: usize = 50;

/// Reads one condition.
type ReadOne<'r, T> = dyn FnMut(&mut Reader<'_>) -> Result<T, Malformed> + 'r;

impl<T> Formula<T> {
    pub(super) fn read(reader: &mut Reader<'_>, one: &mut ReadOne<'_, T>) -> Result<Self, Malformed> {
        Self::read_any(reader, one, 0)
    }

    /// `deep` is how many parentheses are open.
    fn read_any(reader: &mut Reader<'_>, one: &mut ReadOne<'_, T>, deep: usize) -> Result<Self, Malformed> {
        let mut any = vec![Self::read_all(reader, one, deep)?];
        while reader.take("||") {
            any.push(Self::read_all(reader, one, deep)?);
        }
        Ok(Self::Any(any))
    }

    fn read_all(reader: &mut Reader<'_>, one: &mut ReadOne<'_, T>, deep: usize) -> Result<Self, Malformed> {
        let mut all = vec![Self::read_one(reader, one, deep)?];
        while reader.take("&&") {
            all.push(Self::read_one(reader, one, deep)?);
        }
        Ok(Self::All(all))
    }

    fn read_one(reader: &mut Reader<'_>, one: &mut ReadOne<'_, T>, deep: usize) -> Result<Self, Malformed> {
        reader.skip_space();
        let read = if reader.take("(") {
            if deep >= DEEPEST {
                return Err(Malformed(format!(": there are more than {DEEPEST} open parentheses")));
            }
            let inner = Self::read_any(reader, one, deep + 1)?;
            reader.demand(")")?;
            inner
        } else {
            Self::One(one(reader)?)
        };
        reader.skip_space();
        Ok(read)
    }

    pub(super) fn holds(&self, one: &dyn Fn(&T) -> bool) -> bool {
        match self {
            Self::One(condition) => one(condition),
            Self::All(all) => all.iter().all(|formula| formula.holds(one)),
            Self::Any(any) => any.iter().any(|formula| formula.holds(one)),
        }
    }

    /// Every condition, whether or not it must hold.
    pub(super) fn conditions(&self) -> Vec<&T> {
        match self {
            Self::One(condition) => vec![condition],
            Self::All(many) | Self::Any(many) => many.iter().flat_map(Self::conditions).collect(),
        }
    }
}
